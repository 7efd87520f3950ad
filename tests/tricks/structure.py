"""Types, boundaries, nesting, and text in parts that are not text."""

from .building import CRLF, base64, crlf, message, mixed, multipart, octets, part, quoted
from .encodings import BASE64, PLAIN, text

HTML = "Content-Type: text/html; charset=utf-8"
OCTETS = "Content-Type: application/octet-stream"


def split_by_tags(phrase):
    return "<p>" + "<b></b>".join(phrase.latin) + "</p>\n"


def typed(field):
    """HTML whose words only an HTML reader puts together."""
    return lambda p: message(split_by_tags(p), field)


def encoded_part(p):
    return part(base64(text(p)), PLAIN, BASE64)


def bounded(parameters, delimiter, inner=encoded_part, **more):
    """A multipart whose one part is base64, so that reading its raw text finds nothing."""
    return lambda p: message(multipart(delimiter, inner(p), **more), f"Content-Type: multipart/mixed; {parameters}")


def attached(body, *fields):
    return lambda p: mixed(part("hello\n", PLAIN), part(body(p), *fields))


def nested(depth):
    def build(p):
        inner = part(text(p), PLAIN)
        for level in range(depth):
            inner = part(multipart(f"level{level}x", inner), f"Content-Type: multipart/mixed; boundary=level{level}x")
        return message(b"", subject="deep").removesuffix(CRLF) + inner
    return build


def inner_message(p):
    return message(split_by_tags(p), HTML, subject="inner")


def forwarded(form, *fields):
    return lambda p: mixed(part(form(inner_message(p)), "Content-Type: message/rfc822", *fields))


def delimiters(line):
    """The multipart's delimiter lines as given."""
    return lambda p: message(CRLF.join([octets(line), encoded_part(p), b"--bb--", b""]),
                             "Content-Type: multipart/mixed; boundary=bb")


def two_types(first, second, body):
    return lambda p: message(body(p), f"Content-Type: {first}", f"Content-Type: {second}")


ROWS = (
    ("type_commented", "comments in the Content-Type", "body", typed("Content-Type: (a) text/html (b); (c) charset=utf-8")),
    ("type_folded", "the Content-Type folded everywhere", "body", typed("Content-Type:\n text/html\n ;\n\tcharset=utf-8")),
    ("type_upper_case", "TEXT/HTML", "body", typed("CONTENT-TYPE: TEXT/HTML; CHARSET=UTF-8")),
    ("type_twice", "text/html, then text/plain", "hidden", two_types("text/html", "text/plain", split_by_tags)),
    ("type_missing", "no MIME field at all", "body", lambda p: message(text(p), mime=False)),
    ("type_word", "a type without a subtype", "body", lambda p: message(text(p), "Content-Type: text")),
    ("type_no_mime_version", "an encoding, but no MIME-Version", "body",
     lambda p: message(base64(text(p)), BASE64, mime=False)),
    ("boundary_absent", "multipart without a boundary parameter", "hidden", bounded("charset=x", "bb")),
    ("boundary_named_twice", "two boundaries in one field, the second is used", "hidden",
     bounded('boundary="aa"; boundary="bb"', "bb")),
    ("boundary_in_two_fields", "two Content-Types, the first one's boundary is used", "hidden",
     two_types("multipart/mixed; boundary=aa", "multipart/mixed; boundary=bb",
               lambda p: multipart("aa", encoded_part(p)))),
    ("boundary_split", "RFC 2231 sections of a boundary", "body",
     bounded('boundary*0="abc";\n boundary*1="def"', "abcdef")),
    ("boundary_split_reversed", "sections in the wrong order", "body",
     bounded("boundary*1=def; boundary*0=abc", "abcdef")),
    ("boundary_escaped", "a quoted boundary with escapes", "body", bounded('boundary="a\\"b\\\\c"', 'a"b\\c')),
    ("boundary_blank_inside", "a boundary with blanks in it", "body", bounded('boundary=" a b"', " a b")),
    ("boundary_blank_around", "blanks around the = of the parameter", "body", bounded("boundary = bb", "bb")),
    ("boundary_trailing_blanks", "blanks behind the delimiter", "body", delimiters("--bb  \t ")),
    ("boundary_parameter_blank_end", "blanks at the end of the quoted boundary", "body",
     bounded('boundary="bb  "', "bb")),
    ("boundary_bare_specials", "a bare boundary full of specials", "body", bounded("boundary==_a:b?c=d", "=_a:b?c=d")),
    ("boundary_prefix", "an inner boundary that begins like the outer one", "body",
     bounded("boundary=b", "b", lambda p: part(multipart("bb", encoded_part(p)),
                                               "Content-Type: multipart/mixed; boundary=bb"))),
    ("boundary_same", "inner and outer boundary alike", "body",
     bounded("boundary=bb", "bb", lambda p: part(multipart("bb", encoded_part(p)),
                                                 "Content-Type: multipart/mixed; boundary=bb"))),
    ("boundary_no_end", "no end delimiter", "body", bounded("boundary=bb", "bb", end=False)),
    ("boundary_never", "a boundary that never comes: all is one text", "body",
     lambda p: message(text(p), "Content-Type: multipart/mixed; boundary=bb")),
    ("preamble", "text before the first part", "hidden",
     lambda p: mixed(part("hello\n", PLAIN), preamble=text(p))),
    ("epilogue", "text behind the last part", "hidden",
     lambda p: mixed(part("hello\n", PLAIN), epilogue=text(p))),
    ("epilogue_of_inner", "text behind an inner multipart's end", "hidden",
     lambda p: mixed(part(multipart("ii", part("hello\n", PLAIN), epilogue=text(p)),
                          "Content-Type: multipart/alternative; boundary=ii"))),
    ("part_after_end", "one more part behind the end delimiter", "hidden",
     lambda p: message(multipart("bb", part("hello\n", PLAIN)) + multipart("bb", part(text(p), PLAIN)),
                       "Content-Type: multipart/mixed; boundary=bb")),
    ("part_without_headers", "a part that begins with its text", "body",
     lambda p: message(b"--bb\r\n" + crlf(text(p)) + b"--bb--\r\n", "Content-Type: multipart/mixed; boundary=bb")),
    ("nested_to_limit", "fifteen multiparts within each other", "body", nested(15)),
    ("nested_past_limit", "forty multiparts within each other", "rawbody", nested(40)),
    ("message_plain", "a message as an attachment", "body", forwarded(bytes)),
    ("message_base64", "a message in base64", "body", forwarded(base64, BASE64)),
    ("message_qp", "a message in quoted-printable", "body",
     forwarded(quoted, "Content-Transfer-Encoding: quoted-printable")),
    ("message_subject", "the subject of a message within", "hidden",
     lambda p: mixed(part(message("hello\n", subject=p.latin), "Content-Type: message/rfc822"))),
    ("digest", "a part of multipart/digest, which says nothing of its type", "body",
     lambda p: message(multipart("bb", part(inner_message(p))), "Content-Type: multipart/digest; boundary=bb")),
    ("alternative_last", "the plain text is harmless, the HTML is not", "body",
     lambda p: message(multipart("bb", part("hello\n", PLAIN), part(split_by_tags(p), HTML)),
                       "Content-Type: multipart/alternative; boundary=bb")),
    ("octets_text", "text in an octet-stream in base64", "hidden", attached(lambda p: base64(text(p)), OCTETS, BASE64)),
    ("octets_html", "HTML in an octet-stream, words split by tags", "hidden",
     attached(lambda p: base64("<html><body>" + split_by_tags(p)), OCTETS, BASE64)),
    ("octets_utf16", "UTF-16 in an octet-stream", "hidden",
     attached(lambda p: base64(p.accented.encode("utf-16")), OCTETS, BASE64)),
    ("octets_not_encoded", "an octet-stream that needs no decoding", "hidden", attached(text, OCTETS)),
    ("octets_long", "text at the end of a 300 KB octet-stream", "hidden",
     attached(lambda p: base64("line of text\n" * 24000 + text(p)), OCTETS, BASE64)),
    ("application_txt", "application/…, the name ends in .txt", "hidden",
     attached(text, 'Content-Type: application/x-note; name="note.txt"')),
    ("application_html", "application/…, the name ends in .html", "body",
     attached(split_by_tags, 'Content-Type: application/x-note; name="note.html"')),
    ("image_of_text", "text that says it is a picture", "hidden",
     attached(lambda p: base64(text(p)), "Content-Type: image/png", BASE64)),
    ("calendar", "the description of an invitation", "hidden",
     attached(lambda p: f"BEGIN:VCALENDAR\nDESCRIPTION:{p.latin}\nEND:VCALENDAR\n", "Content-Type: text/calendar")),
    ("delivery_status", "the text of a delivery report", "rawbody",
     attached(lambda p: f"Action: failed\nDiagnostic-Code: smtp; {p.latin}\n", "Content-Type: message/delivery-status")),
    ("file_name_2231", "a file name in RFC 2231 sections", "hidden",
     lambda p: mixed(part("hello\n", PLAIN), part(base64(b"\0\1\2"), OCTETS, BASE64,
                     "Content-Disposition: attachment;\n filename*0*=utf-8''" +
                     "".join(f"%{o:02X}" for o in p.accented.encode()[:5]) + ";\n filename*1*=" +
                     "".join(f"%{o:02X}" for o in p.accented.encode()[5:])))),
    ("file_name_2047", "a file name as an encoded word", "hidden",
     lambda p: mixed(part("hello\n", PLAIN), part(base64(b"\0\1\2"), OCTETS + '; name="=?utf-8?B?' +
                     base64(p.latin).decode().strip() + '?="', BASE64))),
    ("long_line", "a line of 200 KB", "body", lambda p: message("x" * 200_000 + " " + p.latin + "\n")),
    ("after_a_megabyte", "text behind the first megabyte", "body",
     lambda p: message("a line of ordinary text\n" * 45_000 + text(p))),
)
