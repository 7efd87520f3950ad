"""The console while a story goes on, in the browser that tests/console drives, inside the gate's namespace."""

import importlib.util
import shutil
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "console"))

LISTEN = "127.0.0.1:8480"


def can_be_taken():
    return bool(shutil.which("chromium") and importlib.util.find_spec("websocket"))


class ConsolePictures:
    """Pictures go into `folder`. What a page must say before its picture is taken is waited for."""

    def __init__(self, gate_space, gate, folder):
        from browser import Browser
        self._folder = folder
        folder.mkdir(exist_ok=True)
        token = gate.postern("api", "token", "add", "story").strip()
        with gate_space.entered():
            self._browser = Browser()
        self._browser.size(1280)
        self._browser.go(f"http://{LISTEN}")
        self._browser.type(token)
        self._browser.key("Enter")
        self._until_heading("Senders")

    def take(self, name, page, heading, *texts):
        """Of the page with this heading, once all these texts are on it."""
        self._browser.run(f"location.hash = '{page}'")
        self._until_heading(heading)
        for text in texts:
            self._browser.until(f"document.querySelector('main').innerText.includes({text!r})")
        self._browser.picture(self._folder / f"{name}.png", whole=True)

    def _until_heading(self, heading):
        self._browser.until(f"document.querySelector('h1')?.textContent === {heading!r}")

    def close(self):
        self._browser.close()
