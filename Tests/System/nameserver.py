"""A small name server whose manners can be changed while it runs: UDP and TCP, A, AAAA, SRV and CNAME, with their times."""

import contextlib
import ipaddress
import select
import socket
import struct
import threading

TYPES = {"a": 1, "cname": 5, "aaaa": 28, "srv": 33}
SERVFAIL, NXDOMAIN = 2, 3


def a(address, ttl=60):
    return TYPES["a"], ttl, ipaddress.IPv4Address(address).packed


def aaaa(address, ttl=60):
    return TYPES["aaaa"], ttl, ipaddress.IPv6Address(address).packed


def cname(target, ttl=60):
    return TYPES["cname"], ttl, name_bytes(target)


def srv(target, port, weight=1, priority=0, ttl=60):
    return TYPES["srv"], ttl, struct.pack("!HHH", priority, weight, port) + name_bytes(target)


def name_bytes(name):
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


class NameServer:
    """Answers from `records`, a mapping from names to lists of what the functions above give. What it was asked for is in `asked`.

    `manner` is what it does: "answer", "silent", "servfail", "cut" (UDP says that there is more, TCP answers), or a function from a
    question and its good answer to the bytes that are sent instead."""

    def __init__(self, lab, where, records=None, port=53):
        self.records = dict(records or {})
        self.additional = {}
        """By the question's name: pairs of a name and a record that come along."""
        self.manner = "answer"
        self.asked = []
        """Pairs of a name and a type, and "udp" or "tcp"."""
        address = (lab.address(where), port)
        with lab.inside(where):
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._udp.bind(address)
        self._tcp.bind(address)
        self._tcp.listen(8)
        self._ends, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        """Harmless when repeated."""
        with contextlib.suppress(OSError):
            self._end.send(b".")
        self._thread.join(10)
        for sock in (self._udp, self._tcp, self._ends, self._end):
            sock.close()

    def count(self, name=None):
        """How often it was asked for a name, or at all."""
        return sum(1 for asked, _, _ in list(self.asked) if name in (None, asked))

    # On the thread

    def _serve(self):
        while True:
            ready, _, _ = select.select([self._udp, self._tcp, self._ends], [], [])
            if self._ends in ready:
                return
            with contextlib.suppress(OSError):
                if self._udp in ready:
                    question, client = self._udp.recvfrom(4096)
                    if (answer := self._answer(question, "udp")) is not None:
                        self._udp.sendto(answer, client)
                if self._tcp in ready:
                    self._serve_stream()

    def _serve_stream(self):
        client, _ = self._tcp.accept()
        with client:
            client.settimeout(5)
            size = client.recv(2, socket.MSG_WAITALL)
            question = client.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
            if (answer := self._answer(question, "tcp")) is not None:
                client.sendall(len(answer).to_bytes(2, "big") + answer)

    def _answer(self, question, way):
        """Nothing where nothing is to be said."""
        name, kind, end = self._asked_for(question)
        self.asked.append((name, kind, way))
        if self.manner == "silent":
            return None
        if self.manner == "servfail":
            return self._message(question, end, SERVFAIL)
        if self.manner == "cut" and way == "udp":
            return self._message(question, end, 0, flags=0x0200)
        good = self._good(question, end, name, kind)
        return good if isinstance(self.manner, str) else self.manner(question, good)

    def _good(self, question, end, name, kind):
        if name not in self.records:
            return self._message(question, end, NXDOMAIN)
        answers, owner = [], name
        while (found := self.records.get(owner, [])) and found[0][0] == TYPES["cname"] != kind:
            answers.append((owner, found[0]))
            owner = self._text(found[0][2])
        answers += [(owner, record) for record in found if record[0] == kind]
        return self._message(question, end, 0, answers, self.additional.get(name, []))

    @staticmethod
    def _message(question, end, code, answers=(), additional=(), flags=0):
        head = struct.pack("!2sHHHHH", question[:2], 0x8580 | flags | code, 1, len(answers), 0, len(additional))
        body = b"".join(name_bytes(owner) + struct.pack("!HHIH", kind, 1, ttl, len(content)) + content
                        for owner, (kind, ttl, content) in (*answers, *additional))
        return head + question[12:end] + body

    @classmethod
    def _asked_for(cls, question):
        """A question's name and type, and where it ends."""
        name = cls._text(question[12:])
        end = 12 + len(name_bytes(name))
        return name, int.from_bytes(question[end:end + 2], "big"), end + 4

    @staticmethod
    def _text(data):
        labels = []
        while data[0]:
            labels.append(data[1:1 + data[0]].decode().lower())
            data = data[1 + data[0]:]
        return ".".join(labels)
