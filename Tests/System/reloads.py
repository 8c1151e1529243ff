"""A proxy whose configuration file is written anew while it serves."""

import os
import signal
import threading
from pathlib import Path

from processes import wait_until

DONE, FAILED = "reloaded ", "not reloaded: nothing has changed"


class Reloader:
    """Writes files and sends SIGHUP; each reload is waited for."""

    def __init__(self, proxy, path):
        self.proxy, self.path = proxy, Path(path)

    def write(self, text):
        """At once, as an editor does: a reader never sees half of it."""
        new = self.path.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.path)

    def count(self, what=DONE):
        return self.proxy.output().count(what)

    def reload(self, text=None, outcome=DONE, timeout=10.0):
        """With another text, where one is given."""
        if text is not None:
            self.write(text)
        before = self.count(outcome)
        self.proxy.process.signal(signal.SIGHUP)
        wait_until(lambda: self.count(outcome) > before, timeout, f"{outcome!r} in the log")


class Repetition(threading.Thread):
    """Does something again and again, until it is told to end."""

    def __init__(self, action, pause):
        super().__init__(daemon=True)
        self.action, self.pause = action, pause
        self.done, self.trouble, self._ends = 0, None, threading.Event()

    def run(self):
        try:
            while not self._ends.wait(self.pause):
                self.action()
                self.done += 1
        except Exception as trouble:  # told in the test's own thread
            self.trouble = trouble

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self._ends.set()
        self.join(15)
        if kind is None and self.trouble:
            raise self.trouble


class Alternation(Repetition):
    """Reloads one text after the other."""

    def __init__(self, reloader, texts, pause):
        super().__init__(lambda: reloader.reload(texts[self.done % len(texts)]), pause)
