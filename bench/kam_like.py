#!/usr/bin/env python3
"""Rule files for measuring: a set shaped like a large third-party channel, and sets of literals.

usage: kam_like.py rules [--count 3000]        SpamAssassin rules on standard output
       kam_like.py literals COUNT [--seed N]   as many body rules of one literal each

The same arguments give the same octets everywhere: the generator has its own random numbers. Words are made of
syllables, so that no rule of anybody's is copied; what is like a channel's are the shapes: word lists with
alternations, `\\b` and gaps of `.{0,n}`, letters replaced by look-alikes, anchored header fields, URIs with paths and
suffixes, mark-up in raw text, and metas over sub-rules, in about the shares that such channels have.
"""
import argparse
import sys

CONSONANTS = "b c d f g h j k l m n p r s t v w br cl dr fl gr pl pr sh sl st tr th".split()
VOWELS = "a e i o u ea io ou ai".split()
ENDINGS = ["", "", "", "n", "r", "s", "l", "t", "x", "ng", "nd", "st"]
COMMON = ("the you your our now free money offer account please click here order price best time today bank "
          "password update secure message payment invoice delivery dear friend business transfer fund").split()
LOOKALIKES = {"a": "[a@4]", "e": "[e3]", "i": "[i1!|l]", "o": "[o0]", "s": "[s5$]", "l": "[l1|]", "t": "[t7+]"}
FIELDS = ["Subject", "From", "Reply-To", "To", "X-Mailer", "Message-ID", "Received", "Content-Type", "List-Id",
          "X-Originating-IP"]
SUFFIXES = "com net org info biz ru cn top xyz club online site shop click".split()


class Random:
    """xorshift64*: small, and the same everywhere."""

    def __init__(self, seed):
        self.state = (seed * 0x9E3779B97F4A7C15 + 1) & (2**64 - 1)

    def next(self):
        x = self.state
        x ^= x >> 12
        x ^= (x << 25) & (2**64 - 1)
        x ^= x >> 27
        self.state = x
        return ((x * 0x2545F4914F6CDD1D) & (2**64 - 1)) >> 11

    def below(self, n):
        return self.next() % n

    def pick(self, items):
        return items[self.below(len(items))]

    def between(self, low, high):
        return low + self.below(high - low + 1)


class Writer:
    def __init__(self, seed):
        self.random = Random(seed)
        self.shapes = [(34, self.word_list), (14, self.gap), (10, self.obfuscated), (14, self.header), (12, self.uri),
                       (6, self.raw), (5, self.phrase_set), (5, self.look_around)]

    def word(self):
        r = self.random
        return "".join(r.pick(CONSONANTS) + r.pick(VOWELS) for _ in range(r.between(1, 3))) + r.pick(ENDINGS)

    def any_word(self):
        return self.random.pick(COMMON) if self.random.below(3) == 0 else self.word()

    def words(self, low, high):
        return "|".join(self.any_word() for _ in range(self.random.between(low, high)))

    # Each shape: keyword and test.
    def word_list(self):
        parts = [f"(?:{self.words(2, 8)})" for _ in range(self.random.between(2, 4))]
        return "body", "/\\b" + "\\s+".join(parts) + "\\b/i"

    def gap(self):
        r = self.random
        joint = f".{{0,{r.pick([5, 10, 20, 30, 50, 80])}}}"
        parts = [f"(?:{self.words(1, 5)})" for _ in range(r.between(2, 3))]
        return "body", "/\\b" + (f"\\b{joint}\\b").join(parts) + "\\b/i"

    def obfuscated(self):
        r = self.random
        word = self.word() + self.word()
        joint = r.pick(["", "", "\\W?", "[\\s._-]{0,2}", "\\W{0,3}"])
        letters = [LOOKALIKES.get(c, c) for c in word]
        plain = f"(?!{word})" if r.below(2) else ""
        return "body", f"/\\b{plain}{joint.join(letters)}\\b/i"

    def header(self):
        r = self.random
        field = r.pick(FIELDS)
        if field == "Received":
            return "header", f"Received =~ /from \\S*{self.word()}\\.(?:{'|'.join(r.pick(SUFFIXES) for _ in range(3))})\\b/"
        if field in ("From", "Reply-To", "To"):
            return "header", f"{field}:addr =~ /\\@(?:[\\w-]+\\.)?{self.word()}{r.below(100)}?\\.{r.pick(SUFFIXES)}$/i"
        anchor = r.pick(["^", "^(?:re|fwd?):\\s*", "\\b", "\\b"])
        return "header", f"{field} =~ /{anchor}(?:{self.words(2, 6)})\\s(?:{self.words(1, 4)})\\b/i"

    def uri(self):
        r = self.random
        host = r.pick([f"{self.word()}\\d{{2,4}}", f"(?:{self.words(2, 4)})-{self.word()}", f"[a-z]{{6,12}}-{self.word()}"])
        path = r.pick(["", f"/{self.word()}\\.php", f"/[\\w-]{{8,24}}/{self.word()}", f"/\\?{self.word()}=[0-9a-f]{{16}}"])
        return "uri", f"m!^https?://(?:www\\.)?{host}\\.(?:{r.pick(SUFFIXES)}|{r.pick(SUFFIXES)}){path}!i"

    def raw(self):
        r = self.random
        tag = r.pick(["<a\\s[^>]{0,80}href", "<img\\s[^>]{0,60}src", "<div\\s[^>]{0,40}style", "<td\\s[^>]{0,40}width"])
        return "rawbody", f"/{tag}=[\"']?[^\"'>]{{0,60}}{self.word()}/i"

    def phrase_set(self):
        phrases = [" ".join(self.any_word() for _ in range(self.random.between(3, 5))) for _ in range(self.random.between(3, 10))]
        return "body", f"/(?:{'|'.join(phrases)})/i"

    def look_around(self):
        return "body", f"/(?<![a-z])(?:{self.words(2, 4)})(?=\\W{{1,4}}(?:{self.words(2, 4)}))/i"

    def rule(self):
        roll = self.random.below(sum(share for share, _ in self.shapes))
        for share, shape in self.shapes:
            if roll < share:
                return shape()
            roll -= share
        raise AssertionError("shares add up")


def rules(count, out):
    writer = Writer(1)
    r = writer.random
    out.write(f"# {count} expressions made by bench/kam_like.py: for measuring, not for mail.\n")
    group = []
    for n in range(count):
        keyword, test = writer.rule()
        sub = r.below(10) < 6  # most serve a meta
        name = f"{'__' if sub else ''}KL_{n:05}"
        out.write(f"{keyword} {name} {test}\n")
        if not sub:
            out.write(f"describe {name} Made for measuring\nscore {name} {r.between(1, 40) / 10}\n")
            continue
        group.append(name)
        if len(group) < r.between(3, 6):
            continue
        form = r.pick(["all", "sum", "either"])
        text = {"all": " && ".join(group), "sum": f"({' + '.join(group)}) >= 2",
                "either": f"({' || '.join(group[:-1])}) && !{group[-1]}"}[form]
        out.write(f"meta KL_META_{n:05} {text}\nscore KL_META_{n:05} {r.between(5, 50) / 10}\n")
        group = []


def literals(count, seed, out):
    writer = Writer(1000 + seed)
    seen = set()
    while len(seen) < count:
        text = " ".join(writer.any_word() for _ in range(writer.random.between(2, 4)))
        if len(text) < 8 or text in seen:
            continue
        out.write(f"body LIT_{len(seen):06} /{text}/i\nscore LIT_{len(seen):06} 0.1\n")
        seen.add(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    made = kinds.add_parser("rules")
    made.add_argument("--count", type=int, default=3000)
    made = kinds.add_parser("literals")
    made.add_argument("count", type=int)
    made.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.kind == "rules":
        rules(arguments.count, sys.stdout)
    else:
        literals(arguments.count, arguments.seed, sys.stdout)


if __name__ == "__main__":
    main()
