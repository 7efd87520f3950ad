"""Raw messages, octet by octet: what a mail library would put right is what the tricks need wrong."""

import base64 as base64_module
import binascii

CRLF = b"\r\n"


def octets(text):
    return text if isinstance(text, bytes) else text.encode("utf-8")


def crlf(text):
    """Line ends as the wire has them; a lone CR stays."""
    return octets(text).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def message(body, *fields, subject="a note", sender="Ann <ann@client.example>", mime=True):
    """`fields`: whole header fields, without their line end. A subject of None leaves it out."""
    head = [b"Date: Mon, 04 Mar 2024 10:00:00 +0000", b"From: " + octets(sender),
            b"To: bob@server.example", b"Message-ID: <trick@client.example>"]
    if subject is not None:
        head.append(b"Subject: " + octets(subject))
    if mime:
        head.append(b"MIME-Version: 1.0")
    head += [crlf(field) for field in fields]
    return CRLF.join(head) + CRLF + CRLF + crlf(body)


def part(body, *fields):
    return CRLF.join([crlf(field) for field in fields]) + (CRLF if fields else b"") + CRLF + crlf(body)


def multipart(boundary, *parts, preamble="", epilogue="", end=True):
    """The body of a multipart."""
    out = crlf(preamble)
    if preamble:
        out += CRLF
    for one in parts:
        out += b"--" + octets(boundary) + CRLF + one + CRLF
    if end:
        out += b"--" + octets(boundary) + b"--" + CRLF
    return out + crlf(epilogue)


def mixed(*parts, **more):
    return message(multipart("bb", *parts, **more), "Content-Type: multipart/mixed; boundary=bb")


def base64(text, width=76):
    encoded = base64_module.b64encode(octets(text))
    lines = [encoded[at:at + width] for at in range(0, len(encoded), width)]
    return CRLF.join(lines) + CRLF


def quoted(text, lower=False):
    """Every octet escaped."""
    form = "={:02x}" if lower else "={:02X}"
    escapes = [form.format(octet) for octet in octets(text)]
    lines = ["".join(escapes[at:at + 20]) for at in range(0, len(escapes), 20)]
    return "=\n".join(lines) + "\n"


def uuencoded(text, name="note.txt", blanks=False):
    """`blanks`: zero bits as blanks that some gateway cut off the lines' ends."""
    data = octets(text)
    out = f"begin 644 {name}\n"
    for at in range(0, len(data), 45):
        line = binascii.b2a_uu(data[at:at + 45], backtick=not blanks).decode()
        out += line.rstrip() + "\n" if blanks else line
    return out + "`\nend\n"


def yencoded(text, name="note.txt"):
    data = octets(text)
    out = f"=ybegin line=128 size={len(data)} name={name}\r\n".encode()
    for at in range(0, len(data), 64):
        for octet in data[at:at + 64]:
            code = (octet + 42) & 0xff
            out += bytes((61, (code + 64) & 0xff)) if code in (0, 9, 10, 13, 61) else bytes((code,))
        out += b"\r\n"
    return out + f"=yend size={len(data)}\r\n".encode()


def word(text, charset="utf-8", encoding="B"):
    """An encoded word of RFC 2047."""
    data = text if isinstance(text, bytes) else text.encode(charset)
    if encoding == "B":
        return f"=?{charset}?B?{base64_module.b64encode(data).decode()}?="
    return f"=?{charset}?Q?{''.join(f'={octet:02X}' for octet in data)}?="


def html(body, *fields, charset="utf-8"):
    return message(f"<html><body>{body}</body></html>\n",
                   f"Content-Type: text/html; charset={charset}", *fields)
