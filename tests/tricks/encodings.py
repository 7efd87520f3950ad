"""Transfer encodings and charsets."""

import base64 as base64_module

from .building import base64, crlf, message, mixed, part, quoted, uuencoded, yencoded

PLAIN = "Content-Type: text/plain; charset=utf-8"
BASE64 = "Content-Transfer-Encoding: base64"
QUOTED = "Content-Transfer-Encoding: quoted-printable"


def text(phrase):
    return f"Hello,\nplease look at these {phrase.latin} today.\nBye\n"


def encoded(field, form=base64):
    return lambda p: message(form(text(p)), PLAIN, field)


def labelled(charset, codec, form, label=None):
    """The phrase in a charset, base64 so that no octet is lost."""
    return lambda p: message(base64(form(p).encode(codec)),
                             f"Content-Type: text/plain; charset={label or charset}", BASE64)


def damaged(change):
    return lambda p: message(change(base64(text(p))), PLAIN, BASE64)


def with_junk(encoded_text):
    return b"".join(bytes((octet,)) + (b"!" if at % 7 == 3 else b"") for at, octet in enumerate(encoded_text))


def odd_lines(encoded_text):
    flat = encoded_text.replace(b"\r\n", b"")
    out, at, width = b"", 0, 1
    while at < len(flat):
        out += flat[at:at + width] + b"\r\n"
        at, width = at + width, width % 13 + 2
    return out


def inner_padding(p):
    whole = text(p).encode()
    pieces = [base64(whole[at:at + 7]).strip() for at in range(0, len(whole), 7)]
    return message(b"\r\n".join(pieces), PLAIN, BASE64)


def leading_padding(p):
    return message(b"====\r\n" + base64(text(p)), PLAIN, BASE64)


def soft_breaks(p):
    return message("".join(c + ("=\n" if c.isalpha() else "") for c in text(p)), PLAIN, QUOTED)


def padded_soft_breaks(p):
    return message("".join(c + ("= \t \n" if c.isalpha() else "") for c in text(p)), PLAIN, QUOTED)


def utf7(p):
    """Every letter in a shifted run: modified base64 of UTF-16BE (RFC 2152)."""
    shifted = base64_module.b64encode(p.latin.encode("utf-16-be")).rstrip(b"=")
    return message(b"+" + shifted + b"- today\n", "Content-Type: text/plain; charset=utf-7")


def two_encodings(first, second, body):
    return lambda p: message(body(p), PLAIN, f"Content-Transfer-Encoding: {first}",
                             f"Content-Transfer-Encoding: {second}")


ROWS = (
    ("cte_7bit", "plain text, encoding 7bit", "body", encoded("Content-Transfer-Encoding: 7bit", str)),
    ("cte_8bit", "UTF-8 text, encoding 8bit", "body",
     lambda p: message(p.accented, PLAIN, "Content-Transfer-Encoding: 8bit")),
    ("cte_binary", "no line end for 20 KB, encoding binary", "body",
     lambda p: message("word " * 4000 + p.latin + " word" * 10, PLAIN, "Content-Transfer-Encoding: binary")),
    ("qp_all_escaped", "every octet as =XX", "body", encoded(QUOTED, quoted)),
    ("qp_lower_hex", "lower-case hexadecimal digits", "body",
     encoded(QUOTED, lambda t: quoted(t, lower=True))),
    ("qp_soft_breaks", "a soft line break after each letter", "body", soft_breaks),
    ("qp_padded_breaks", "blanks between the = of a soft break and the line end", "body", padded_soft_breaks),
    ("qp_break_at_end", "the text ends in a soft break", "body",
     lambda p: message(p.latin + "=", PLAIN, QUOTED)),
    ("qp_bad_hex", "= before what is no number, around the phrase", "body",
     lambda p: message(f"=ZZ =4 {p.latin} =G1 =\n", PLAIN, QUOTED)),
    ("b64_plain", "base64", "body", encoded(BASE64)),
    ("b64_junk", "characters of no alphabet among base64's", "body", damaged(with_junk)),
    ("b64_inner_padding", "pieces padded each for itself and joined", "body", inner_padding),
    ("b64_leading_padding", "padding before anything", "body", leading_padding),
    ("b64_odd_lines", "lines of odd lengths that split groups", "body", damaged(odd_lines)),
    ("b64_no_padding", "padding left out at the end", "body",
     lambda p: message(base64(text(p) + "xx").rstrip().rstrip(b"="), PLAIN, BASE64)),
    ("b64_one_line", "30 KB of base64 without a line end", "body",
     lambda p: message(base64("filler " * 3000 + text(p), 10**6), PLAIN, BASE64)),
    ("b64_blanks", "a blank between any two characters", "body",
     damaged(lambda e: b" ".join(bytes((octet,)) for octet in e))),
    ("uu_encoding", "Content-Transfer-Encoding x-uuencode", "hidden",
     lambda p: message(uuencoded(text(p)), PLAIN, "Content-Transfer-Encoding: x-uuencode")),
    ("uu_in_text", "a uuencoded file in the middle of text", "hidden",
     lambda p: message(f"See below.\n\n{uuencoded(text(p))}\nBye\n")),
    ("uu_blanks_cut", "uuencode with blanks for zeros, cut off at line ends", "hidden",
     lambda p: message(uuencoded(text(p), blanks=True))),
    ("uu_in_attachment", "uuencode inside an octet-stream in base64", "hidden",
     lambda p: mixed(part("hello\n"), part(base64(uuencoded(text(p))), "Content-Type: application/octet-stream",
                                           BASE64))),
    ("yenc_in_text", "a yEnc file in text", "hidden", lambda p: message(crlf("hello\n") + yencoded(text(p)))),
    ("cte_twice_base64_first", "base64, then 7bit: the text is base64", "hidden",
     two_encodings("base64", "7bit", lambda p: base64(text(p)))),
    ("cte_twice_base64_last", "7bit, then base64: the text is plain", "hidden",
     two_encodings("7bit", "base64", text)),
    ("cte_twice_qp_and_base64", "base64, then quoted-printable: the text is base64", "hidden",
     two_encodings("base64", "quoted-printable", lambda p: base64(text(p)))),
    ("cte_folded", "the encoding on a line of its own", "body", encoded("Content-Transfer-Encoding:\n  base64")),
    ("cte_commented", "comments around the encoding", "body",
     encoded("Content-Transfer-Encoding: (7bit) base64 (8bit)")),
    ("cte_quoted", "the encoding in quotes", "body", encoded('Content-Transfer-Encoding: "base64"')),
    ("cte_upper_case", "BASE64", "body", encoded("CONTENT-TRANSFER-ENCODING: BASE64")),
    ("cte_more_behind", "words behind the encoding", "body", encoded("Content-Transfer-Encoding: base64; x=7bit")),
    ("cte_misspelt", "base-64", "hidden", encoded("Content-Transfer-Encoding: base-64")),
    ("cte_misspelt_qp", "quoted-printible", "hidden", encoded("Content-Transfer-Encoding: quoted-printible", quoted)),
    ("cte_unknown", "an encoding that nobody knows, and base64", "hidden",
     encoded("Content-Transfer-Encoding: x-secret")),
    ("charset_utf16_mark", "UTF-16 with a byte order mark", "body",
     labelled("utf-16", "utf-16", lambda p: p.latin)),
    ("charset_utf16le_no_mark", "UTF-16, little end first, no mark", "body",
     labelled("utf-16", "utf-16-le", lambda p: p.latin)),
    ("charset_utf16be", "UTF-16BE", "body", labelled("utf-16be", "utf-16-be", lambda p: p.accented)),
    ("charset_utf32", "UTF-32", "body", labelled("utf-32", "utf-32", lambda p: p.accented)),
    ("charset_utf7", "UTF-7", "body", utf7),
    ("charset_windows_1252", "windows-1252", "body",
     labelled("windows-1252", "cp1252", lambda p: p.accented)),
    ("charset_windows_1251", "windows-1251", "body",
     labelled("windows-1251", "cp1251", lambda p: p.cyrillic)),
    ("charset_windows_1256", "windows-1256", "body", labelled("windows-1256", "cp1256", lambda p: p.arabic)),
    ("charset_koi8_r", "KOI8-R", "body", labelled("koi8-r", "koi8-r", lambda p: p.cyrillic)),
    ("charset_gb18030", "GB18030", "body", labelled("gb18030", "gb18030", lambda p: p.chinese)),
    ("charset_gb2312_label", "GB18030 labelled gb2312", "body",
     labelled("gb2312", "gb18030", lambda p: p.chinese)),
    ("charset_big5", "Big5", "body", labelled("big5", "big5", lambda p: p.traditional)),
    ("charset_iso_2022_jp", "ISO-2022-JP", "body", labelled("iso-2022-jp", "iso2022_jp", lambda p: p.japanese)),
    ("charset_shift_jis", "Shift_JIS", "body", labelled("shift_jis", "shift_jis", lambda p: p.japanese)),
    ("charset_euc_kr", "EUC-KR", "body", labelled("euc-kr", "euc_kr", lambda p: p.korean)),
    ("charset_ascii_is_utf8", "UTF-8 labelled us-ascii", "body",
     labelled("us-ascii", "utf-8", lambda p: p.cyrillic)),
    ("charset_utf8_is_latin1", "latin1 labelled utf-8", "body",
     labelled("utf-8", "latin-1", lambda p: p.accented)),
    ("charset_1251_is_utf8", "UTF-8 labelled windows-1251", "body",
     labelled("windows-1251", "utf-8", lambda p: p.cyrillic)),
    ("charset_unknown", "a charset that nobody knows", "body",
     labelled("x-unheard-of", "utf-8", lambda p: p.accented)),
    ("charset_quoted", "the charset in apostrophes and blanks", "body",
     labelled("windows-1251", "cp1251", lambda p: p.cyrillic, "\" 'windows-1251' \"")),
)
