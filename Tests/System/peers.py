"""The programs at both ends that the tests play themselves, and what they watch for."""

import contextlib
import errno
import fcntl
import select
import socket
import struct
import termios
import threading
import time

PATIENCE = 20.0
"""Seconds after which a silent socket makes a test fail instead of hang."""


def parse(address):
    """A command-line address as (family, what `connect` wants)."""
    if address.startswith("unix:"):
        return socket.AF_UNIX, address.removeprefix("unix:")
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    return family, (host.strip("[]"), int(port))


def connect(address, patience=PATIENCE):
    family, target = parse(address)
    sock = socket.socket(family)
    try:
        sock.settimeout(patience)
        sock.connect(target)
    except BaseException:
        sock.close()
        raise
    return sock


class Listener:
    """An upstream in the test's own hands."""

    def __init__(self, address, backlog=4096):
        family, target = parse(address)
        self.sock = socket.socket(family)
        if family != socket.AF_UNIX:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(target)
        self.sock.listen(backlog)
        self.sock.settimeout(PATIENCE)
        self.address = address
        if family != socket.AF_UNIX:
            self.address = address.rpartition(":")[0] + f":{self.sock.getsockname()[1]}"

    def accept(self, patience=PATIENCE):
        self.sock.settimeout(patience)
        sock, _ = self.sock.accept()
        sock.settimeout(PATIENCE)
        return sock

    def close(self):
        self.sock.close()


# Ways to end

def reset(sock):
    """Close with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def finish(sock):
    sock.shutdown(socket.SHUT_WR)


def expect_fin(sock):
    assert sock.recv(1) == b"", "bytes where the end was expected"


def expect_reset(sock, within=1.0):
    """The peer is told of a reset, even one that came after a FIN (which `recv` would not show)."""
    poll = select.poll()
    poll.register(sock, 0)
    assert poll.poll(within * 1000), f"no reset within {within:g} s"
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    assert code in (errno.ECONNRESET, errno.EPIPE), \
        f"not a reset but {errno.errorcode.get(code, 'a clean end')}"


def time_until_reset(sock, patience=PATIENCE):
    started = time.monotonic()
    expect_reset(sock, patience)
    return time.monotonic() - started


def unacknowledged(sock):
    """Bytes written that the other kernel has not taken yet (SIOCOUTQ)."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


# Conversation

def read_exactly(sock, size):
    buffer = bytearray()
    while len(buffer) < size:
        piece = sock.recv(size - len(buffer))
        assert piece, f"the stream ended after {len(buffer)} of {size} bytes"
        buffer += piece
    return bytes(buffer)


def exchange(client, server, message=b"ping"):
    """One message there and one back."""
    client.sendall(message)
    assert read_exactly(server, len(message)) == message
    server.sendall(message[::-1])
    assert read_exactly(client, len(message)) == message[::-1]


def together(*jobs, timeout=300):
    """Run functions at the same time; the first exception of any of them is raised."""
    failures = []

    def attempt(job):
        try:
            job()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=attempt, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
        if failures:
            break
    if failures:
        raise failures[0]
    assert not any(thread.is_alive() for thread in threads), f"still busy after {timeout} s"


@contextlib.contextmanager
def serving(listener, handle):
    """Give each accepted connection to `handle` in a thread of its own while the block runs."""
    def one(sock):
        with sock, contextlib.suppress(OSError):
            handle(sock)

    def accept_all():
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.sock.accept()
                sock.settimeout(PATIENCE)
                threading.Thread(target=one, args=(sock,), daemon=True).start()

    listener.sock.settimeout(None)
    acceptor = threading.Thread(target=accept_all, daemon=True)
    acceptor.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            listener.sock.shutdown(socket.SHUT_RDWR)
        acceptor.join(5)


def echo(sock):
    """Send everything back until FIN, then finish too."""
    while piece := sock.recv(65536):
        sock.sendall(piece)
    finish(sock)
