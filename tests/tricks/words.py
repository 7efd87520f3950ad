"""Words dressed up: what an eye reads and a comparison does not."""

import unicodedata

from .building import html, message
from .encodings import PLAIN

CYRILLIC = str.maketrans("aceiopsxy", "асеіорѕху")
GREEK = str.maketrans("aopuvi", "αορυνι")
LEET = str.maketrans("iaoe", "1403")


def shown(form):
    return lambda p: message("Look: " + form(p.latin) + "\n", PLAIN)


def in_range(first, capital=False):
    """Letters moved to a block of 26 that begins at `first`."""
    return shown(lambda t: "".join(chr(first + ord(c) - 97) if c.isalpha() else c for c in t))


def between(separator):
    """`separator` between any two letters, and blanks between words."""
    return shown(lambda t: "   ".join(separator.join(w) for w in t.split()))


def accents(text):
    marks = "\u0301\u0308\u0327"
    return unicodedata.normalize("NFC", "".join(c + (marks[at % 3] if c.isalpha() else "") for at, c in enumerate(text)))


ROWS = (
    ("zero_width_space", "zero-width spaces in words", "body", between("\u200b")),
    ("zero_width_joiner", "zero-width joiners and non-joiners in words", "body", between("\u200d\u200c")),
    ("soft_hyphen", "soft hyphens in words", "body", between("\u00ad")),
    ("word_joiner", "word joiners and byte order marks in words", "body", between("\u2060\ufeff")),
    ("direction_marks", "marks of writing direction in words", "body", between("\u200e\u202c")),
    ("zero_width_entities", "zero-width characters as entities", "body",
     lambda p: html("&#8203;".join(p.latin[:8]) + "&zwnj;".join(p.latin[8:]))),
    ("tag_characters", "tag characters of Unicode's last plane", "skeleton", between("\U000e0041")),
    ("variation_selectors", "variation selectors behind letters", "skeleton", between("\ufe0f")),
    ("full_width", "full-width letters", "skeleton", in_range(0xff41)),
    ("mathematical_bold", "mathematical bold letters", "skeleton", in_range(0x1d41a)),
    ("mathematical_script", "mathematical script letters", "skeleton", in_range(0x1d4ea)),
    ("mathematical_fixed", "mathematical monospaced letters", "skeleton", in_range(0x1d68a)),
    ("circled", "circled letters", "skeleton", in_range(0x24d0)),
    ("squared", "squared capitals", "skeleton", in_range(0x1f130)),
    ("cyrillic_letters", "Cyrillic letters that look Latin", "skeleton", shown(lambda t: t.translate(CYRILLIC))),
    ("greek_letters", "Greek letters that look Latin", "skeleton", shown(lambda t: t.translate(GREEK))),
    ("combining_marks", "a stroke through each letter", "skeleton", between("\u0336")),
    ("many_marks", "five marks on each letter", "skeleton", between("\u0300\u0316\u0321\u0351\u036f")),
    ("accents", "accents on the letters", "skeleton", shown(accents)),
    ("capitals", "capitals and small letters in turn", "skeleton",
     shown(lambda t: "".join(c.upper() if at % 2 else c for at, c in enumerate(t)))),
    ("digits_for_letters", "1, 4, 0 and 3 for i, a, o and e", "skeleton", shown(lambda t: t.translate(LEET))),
    ("spaced", "a blank between letters", "skeleton", between(" ")),
    ("dotted", "a full stop between letters", "skeleton", between(".")),
    ("dashed", "a dash with blanks between letters", "skeleton", between(" - ")),
    ("starred", "all kinds of signs between letters", "skeleton",
     shown(lambda t: "".join(c + "*_~|"[at % 4] for at, c in enumerate(t) if c.isalpha()))),
    ("spaced_full_width", "full-width letters, spaced", "skeleton",
     shown(lambda t: " ".join(chr(0xff41 + ord(c) - 97) for c in t if c.isalpha()))),
    ("spaced_subject", "letters spaced in the subject", "skeleton",
     lambda p: message("hello\n", subject=" ".join(p.latin.replace(" ", "")))),
    ("spaced_by_tags", "a blank and a tag between letters", "skeleton",
     lambda p: html(" ".join(f"<i>{c}</i>" for c in p.latin if c.isalpha()))),
    ("nul_in_words", "NULs in the text's words", "body", between("\0")),
)
