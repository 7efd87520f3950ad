"""The table of tricks: how text is hidden from a filter, and where we find it all the same.

Each trick builds one message for a phrase. With MARKER the message must hit the rule of the trick's
place; with HARMLESS, its clean twin, none. `tests/tricks/run` asks `postern scan`; others may send the
same messages: `from tests.tricks import table`, `table.TRICKS`, `trick.message(table.MARKER)`.

Places are rule types of the signature language: `body`, `rawbody`, `full`, `uri`, `header` (any field),
and our own `hidden` and `skeleton`. SpamAssassin's renderings stay as it makes them, so what it does not
see is found in `hidden`.
"""

from dataclasses import dataclass
from typing import Callable

from . import (encodings, headers, markup, structure, words)


@dataclass(frozen=True)
class Phrase:
    """What is looked for, in the scripts that the charsets need."""
    latin: str
    accented: str
    cyrillic: str
    arabic: str
    chinese: str
    traditional: str
    japanese: str
    korean: str

    @property
    def path(self):
        return self.latin.replace(" ", "-")

    def forms(self):
        return (self.latin, self.accented, self.cyrillic, self.arabic, self.chinese, self.traditional,
                self.japanese, self.korean)


MARKER = Phrase("discount zorblax pills", "d\u00e9stock\u00e9es zorbl\u00e4x", "дешёвые таблетки зорблакс",
                "حبوب رخيصة", "廉价减肥药片", "廉價減肥藥片", "激安ダイエット錠剤", "할인 알약 판매")
HARMLESS = Phrase("friendly harvest supper", "d\u00eener d'\u00e9t\u00e9 \u00e0 No\u00ebl", "дружеский ужин урожая",
                  "عشاء ودي", "友好丰收晚餐", "友好豐收晚餐", "収穫祭の夕食会", "가을 저녁 모임")


@dataclass(frozen=True)
class Trick:
    name: str
    about: str
    place: str
    message: Callable[[Phrase], bytes]


TRICKS = tuple(Trick(*row) for module in (encodings, structure, headers, words, markup)
               for row in module.ROWS)
PLACES = ("body", "rawbody", "full", "uri", "header", "hidden", "skeleton")


def escaped(text):
    """As an expression over octets."""
    return "".join(c if c.isascii() and c.isalnum() else
                   "".join(f"\\x{octet:02x}" for octet in c.encode()) for c in text)


def rules():
    """The rule file: one rule for each place, which holds all forms of the marker."""
    forms = "|".join(escaped(form) for form in MARKER.forms())
    words_apart = "|".join([*map(escaped, MARKER.forms()), MARKER.latin.replace(" ", " ?")])
    out = []
    for place in PLACES:
        if place == "header":
            out.append(f"header TRICK_HEADER ALL =~ /{forms}/")
        elif place == "uri":
            out.append(f"uri TRICK_URI /{escaped(MARKER.path)}/")
        else:
            out.append(f"{place} TRICK_{place.upper()} /{words_apart if place == 'skeleton' else forms}/")
        out.append(f"score TRICK_{place.upper()} 1")
    return "\n".join(out) + "\n"
