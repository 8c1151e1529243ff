"""Reading the access log: every line is one JSON object, and each connection has one."""

import contextlib
import json
import os
import socket
import threading
from pathlib import Path

from processes import wait_until

KEYS = ["time", "id", "listener", "client", "proxy", "upstream", "attempts", "bytes_up", "bytes_down",
        "connect_ms", "first_byte_ms", "total_ms", "engine", "relay", "relay_up", "relay_down", "ended_by", "end"]


def parse(text):
    """Records and the numbers of dropped ones. A line that is torn or no JSON fails the test."""
    assert not text or text.endswith("\n"), f"the last line is torn: {text[-200:]!r}"
    found, dropped = [], 0
    for line in text.splitlines():
        entry = json.loads(line)
        if "dropped" in entry:
            assert list(entry) == ["time", "dropped"]
            dropped += entry["dropped"]
        else:
            assert list(entry) == KEYS, line
            found.append(entry)
    assert len({entry["id"] for entry in found}) == len(found), "a record came twice"
    return found, dropped


def read(*paths):
    return parse("".join(Path(path).read_text() for path in paths))


def wait_for(path, count, timeout=5.0):
    """The records as soon as there are so many; more would be wrong."""
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: path.exists() and path.read_text().count("\n") >= count, timeout)
    found, dropped = read(path)
    assert len(found) == count and dropped == 0, f"{len(found)} records and {dropped} dropped: {found[-3:]}"
    return found


class SocketReader:
    """A program that reads the access log from a UNIX socket; `stop` makes it read no more."""

    def __init__(self, path, kind=socket.SOCK_STREAM):
        self.path, self.kind = path, kind
        self.received, self.datagrams = b"", []
        self._reads = threading.Event()
        self._reads.set()
        self._ends = False
        self.sock = socket.socket(socket.AF_UNIX, kind)
        self.sock.bind(str(path))
        if kind == socket.SOCK_STREAM:
            self.sock.listen()
        self.sock.settimeout(0.1)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._reads.clear()

    def go_on(self):
        self._reads.set()

    def close(self):
        self._ends = True
        self._reads.set()
        self._thread.join(5)
        self.sock.close()
        with contextlib.suppress(OSError):
            os.unlink(self.path)

    def text(self):
        if self.kind == socket.SOCK_DGRAM:
            return "".join(datagram.decode() + "\n" for datagram in self.datagrams)
        return self.received.decode()

    def _run(self):
        with contextlib.suppress(OSError):
            if self.kind == socket.SOCK_DGRAM:
                self._receive(self.sock, self.datagrams.append)
                return
            while not self._ends:
                with contextlib.suppress(TimeoutError):
                    connection, _ = self.sock.accept()
                    connection.settimeout(0.1)
                    with connection:
                        self._receive(connection, self._take)

    def _take(self, piece):
        self.received += piece

    def _receive(self, sock, take):
        while not self._ends:
            self._reads.wait()
            with contextlib.suppress(TimeoutError):
                piece = sock.recv(65536)
                if not piece and self.kind == socket.SOCK_STREAM:
                    return
                take(piece)
