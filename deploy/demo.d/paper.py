"""Plain, numbered output: steps, findings, one table. Colours only on a terminal."""

import shutil
import sys
import textwrap

_COLOURS = {"good": "32", "bad": "1;31", "quiet": "2", "strong": "1"}


class Paper:
    def __init__(self, first_step=1):
        self._step = first_step - 1
        self._terminal = sys.stdout.isatty()
        self.width = min(shutil.get_terminal_size((100, 24)).columns, 110)
        self.failures = []

    def paint(self, text, colour):
        return f"\033[{_COLOURS[colour]}m{text}\033[0m" if self._terminal else text

    def step(self, title):
        self._step += 1
        print(f"{self._step:2}. {self.paint(title, 'strong')}", flush=True)

    def say(self, text):
        for line in textwrap.wrap(text, self.width - 4):
            print(f"    {line}", flush=True)

    def quote(self, text):
        """Somebody else's words, line by line."""
        for line in text.strip("\n").splitlines():
            print(f"      {self.paint('|', 'quiet')} {line}", flush=True)

    def expect(self, true, announced, otherwise=""):
        """What the demo announces, and whether it came true."""
        if true:
            print(f"    {self.paint('ok', 'good')}    {announced}", flush=True)
        else:
            self.failures.append(announced)
            print(f"    {self.paint('FAIL', 'bad')}  {announced}" +
                  (f"\n          {otherwise}" if otherwise else ""), flush=True)
        return bool(true)

    def table(self, head, rows):
        """Rows of cells; a cell is text or (text, colour)."""
        plain = [[cell[0] if isinstance(cell, tuple) else cell for cell in row] for row in [head, *rows]]
        widths = [max(len(row[i]) for row in plain) for i in range(len(head))]
        print("    " + self.paint("  ".join(h.ljust(w) for h, w in zip(head, widths)).rstrip(), "strong"))
        print("    " + "  ".join("-" * w for w in widths))
        for row in rows:
            cells = []
            for cell, width in zip(row, widths):
                text, colour = cell if isinstance(cell, tuple) else (cell, None)
                padded = text.ljust(width)
                cells.append(self.paint(padded, colour) if colour else padded)
            print("    " + "  ".join(cells).rstrip())
        sys.stdout.flush()
