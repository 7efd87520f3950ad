"""Header fields: encoded words, folding, order, size."""

from .building import CRLF, message, octets, word
from .encodings import text


def subject(form):
    return lambda p: message("hello\n", subject=form(p))


def split_inside_a_character(p):
    """Each octet of the phrase in a word of its own."""
    return "\r\n ".join(word(bytes((octet,))) for octet in p.accented.encode())


def shouted_words(p):
    return "\r\n ".join(word(w + " ", encoding="QB"[at % 2]) for at, w in enumerate(p.accented.split(" "))).replace(" ?=", "?=")


def many_fields(count):
    return lambda p: message("hello\n", *[f"X-Filler-{i}: {i}" for i in range(count)],
                             f"X-Last: {p.latin}")


def without_blank_line(p):
    """The text begins where a field should."""
    return message("", subject="a note").removesuffix(CRLF + CRLF) + CRLF + b"-- \r\n" + octets(text(p))


ROWS = (
    ("subject_plain", "the subject as it is", "header", subject(lambda p: p.latin)),
    ("subject_in_body", "a subject is a line of the body's, too", "body", subject(lambda p: p.latin)),
    ("subject_word_b", "the subject as an encoded word, B", "body", subject(lambda p: word(p.accented))),
    ("subject_word_q", "the subject as an encoded word, Q", "body",
     subject(lambda p: word(p.accented, encoding="Q"))),
    ("subject_split_character", "an encoded word for each octet", "body", subject(split_inside_a_character)),
    ("subject_words_folded", "adjacent words, the white space between them is none", "body", subject(shouted_words)),
    ("subject_word_blanks", "blanks within an encoded word", "body",
     subject(lambda p: f"=?utf-8?Q?{p.latin}?=")),
    ("subject_word_question", "question marks within an encoded word", "body",
     subject(lambda p: f"=?utf-8?Q?why?_{p.latin.replace(' ', '_')}?_now?=")),
    ("subject_word_in_word", "an encoded word in the middle of a word", "body",
     subject(lambda p: p.latin[:4] + word(p.latin[4:9], encoding="Q") + p.latin[9:])),
    ("subject_word_language", "an encoded word with a language tag", "body",
     subject(lambda p: word(p.accented).replace("utf-8", "utf-8*fr"))),
    ("subject_word_charset", "KOI8-R in an encoded word", "body",
     subject(lambda p: word(p.cyrillic, "koi8-r"))),
    ("subject_word_iso_2022_jp", "ISO-2022-JP in an encoded word", "body",
     subject(lambda p: word(p.japanese, "iso-2022-jp"))),
    ("subject_word_unknown_charset", "an encoded word in a charset that nobody knows", "body",
     subject(lambda p: word(p.accented).replace("utf-8", "x-unheard-of"))),
    ("subject_word_lower_case", "lower-case hexadecimal and encoding letter", "body",
     subject(lambda p: "=?utf-8?q?" + "".join(f"={o:02x}" for o in p.accented.encode()) + "?=")),
    ("subject_word_no_padding", "base64 without its padding in a word", "body",
     subject(lambda p: word(p.latin + "x").replace("=?=", "?=").replace("=?=", "?="))),
    ("subject_8bit", "raw UTF-8 in the subject", "body", subject(lambda p: p.cyrillic)),
    ("subject_latin1", "raw latin1 in the subject", "body", subject(lambda p: p.accented.encode("latin-1"))),
    ("subject_folded", "a subject folded between all words", "header",
     subject(lambda p: p.latin.replace(" ", "\r\n "))),
    ("subject_blank_fold", "a fold on a line of blanks alone", "body",
     subject(lambda p: "re:\r\n \t \r\n " + p.latin)),
    ("subject_twice", "two subjects, the first is the phrase", "header",
     lambda p: message("hello\n", "Subject: and another", subject=p.latin)),
    ("subject_twice_last", "two subjects, the last is the phrase", "body",
     lambda p: message("hello\n", f"Subject: {p.latin}")),
    ("subject_upper_case_name", "SUBJECT, and a blank before the colon", "body",
     lambda p: message("hello\n", f"SUBJECT : {p.latin}", subject=None)),
    ("from_name", "the sender's name as an encoded word", "header",
     lambda p: message("hello\n", sender=f"{word(p.accented)} <ann@client.example>")),
    ("unusual_header", "an encoded word in a field of no renown", "header",
     lambda p: message("hello\n", f"X-Remark: {word(p.accented)}")),
    ("word_in_list_field", "an encoded word where the field may hold none", "hidden",
     lambda p: message("hello\n", f"List-Help: {word(p.accented)}")),
    ("header_long", "the phrase 12 KB into a field", "header",
     lambda p: message("hello\n", "X-Long: " + "abcdefgh\r\n " * 1100 + p.latin)),
    ("header_far", "a field behind nine hundred others", "header", many_fields(900)),
    ("header_beyond_limit", "a field behind a thousand others", "full", many_fields(1100)),
    ("header_no_body", "fields, and not even a blank line", "header",
     lambda p: message("", subject=p.latin).removesuffix(CRLF + CRLF)),
    ("body_no_blank_line", "no blank line before the text", "body", without_blank_line),
    ("body_after_bad_lines", "lines that are no fields begin the text", "body",
     lambda p: message("", subject="a note").removesuffix(CRLF) +
     b"".join(octets(f"{w} is no field\r\n") for w in "one two three four".split()) + octets(text(p))),
    ("mbox_from_line", "an mbox's From line before the header", "header",
     lambda p: b"From ann@client.example Mon Mar  4 10:00:00 2024\r\n" + message("hello\n", subject=p.latin)),
    ("mbox_in_text", "a From line in the text, and a message behind it", "body",
     lambda p: message("hello\n\n>From here on\nFrom ann@client.example Mon Mar  4 10:00:00 2024\n\n" + text(p))),
)
