"""Many sessions at once: both ends of each are scripted in one asyncio loop.

    async def script(number):
        client, server = await crowd.pair()
        await client.send(100)
        await server.read(100)

What an end sends is a stretch of random bytes that is its own: a byte that is lost, repeated or
another session's is noticed where it is read.
"""

import asyncio
import contextlib
import errno
import random
import select
import socket
import struct
import time

from peers import finish, parse, reset
from sizes import MiB

_BYTES = random.Random(2005).randbytes(16 * MiB)
_VIEW = memoryview(_BYTES)
_STRIDE = 997
"""Streams of neighbouring sessions begin this far apart."""

SIZE_MAX = 8 * MiB
"""Bytes that one end can send."""


class End:
    """One end of a session."""

    def __init__(self, sock, outgoing, incoming):
        sock.setblocking(False)
        self.sock, self.sent, self.received, self.was_reset = sock, 0, 0, False
        self._outgoing, self._incoming = (number * _STRIDE % SIZE_MAX for number in (outgoing, incoming))
        self._loop = asyncio.get_running_loop()

    async def send(self, size, piece=256 << 10):
        """Send `size` more bytes; a reset is remembered and raised."""
        end = self.sent + size
        while self.sent < end:
            count = min(piece, end - self.sent)
            at = self._outgoing + self.sent
            await self._watching(self._loop.sock_sendall(self.sock, _VIEW[at:at + count]))
            self.sent += count

    async def read_some(self, limit=256 << 10):
        """At most `limit` more bytes, compared; b"" at the end of the stream."""
        piece = await self._watching(self._loop.sock_recv(self.sock, limit))
        at = self._incoming + self.received
        if piece != _VIEW[at:at + len(piece)]:
            wrong = next(i for i, byte in enumerate(piece) if byte != _BYTES[at + i])
            raise AssertionError(f"wrong byte at offset {self.received + wrong}")
        self.received += len(piece)
        return piece

    async def read(self, size, piece=256 << 10):
        """Exactly `size` more bytes."""
        end = self.received + size
        while self.received < end:
            assert await self.read_some(min(piece, end - self.received)), \
                f"the stream ended at {self.received} instead of {end}"

    async def read_to_end(self):
        """'fin' or 'reset'; `received` tells how far it came."""
        with contextlib.suppress(ConnectionResetError):
            while await self.read_some():
                pass
            return "fin"
        return "reset"

    async def expect_fin(self):
        assert not await self.read_some(1), "a byte where the end was expected"

    async def _watching(self, call):
        try:
            return await call
        except ConnectionResetError:
            self.was_reset = True
            raise

    def finish(self):
        finish(self.sock)

    def close(self):
        self.sock.close()

    def reset(self):
        reset(self.sock)


class Crowd:
    """Sessions through one bridge. To be entered inside a running loop."""

    def __init__(self, bridge):
        self.bridge = bridge
        self._serial, self._expected, self._tasks = 0, {}, set()

    async def __aenter__(self):
        self._loop = asyncio.get_running_loop()
        self.bridge.listener.sock.setblocking(False)
        self._spawn(self._accept_all())
        return self

    async def __aexit__(self, *_):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def pair(self):
        """A client and, through the proxy, the upstream's end: they have found each other by a
        number that the client sends first."""
        self._serial += 1
        number, found = self._serial, self._loop.create_future()
        self._expected[number] = found
        sock = await connect(self.bridge.proxy.addresses[0])
        await self._loop.sock_sendall(sock, struct.pack("!I", number))
        server = await self._found_or_refused(sock, found)
        return End(sock, 2 * number, 2 * number + 1), End(server, 2 * number + 1, 2 * number)

    async def _found_or_refused(self, sock, found):
        """The proxy may end the client instead of finding it a server, which speaks only later."""
        end = asyncio.ensure_future(self._loop.sock_recv(sock, 1))
        try:
            await asyncio.wait({found, end}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
            if found.done():
                return found.result()
            if end.done() and not end.exception():
                raise ConnectionAbortedError("a clean end, and no server was found")
            raise end.exception() if end.done() else asyncio.TimeoutError("neither served nor ended")
        finally:
            end.cancel()
            await asyncio.gather(end, return_exceptions=True)

    async def pairs(self, count, at_once=50):
        """Many of them."""
        made = []

        async def make(_):
            made.append(await self.pair())
        await throng(count, at_once, make)
        return made

    async def _accept_all(self):
        while True:
            sock, _ = await self._loop.sock_accept(self.bridge.listener.sock)
            self._spawn(self._introduce(sock))

    async def _introduce(self, sock):
        greeting = b""
        with contextlib.suppress(OSError):
            while len(greeting) < 4 and (piece := await self._loop.sock_recv(sock, 4 - len(greeting))):
                greeting += piece
        found = self._expected.pop(struct.unpack("!I", greeting)[0], None) if len(greeting) == 4 else None
        if found and not found.done():
            found.set_result(sock)
        else:
            sock.close()

    def _spawn(self, coroutine):
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def connect(address):
    family, target = parse(address)
    sock = socket.socket(family)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, target)
    except BaseException:
        sock.close()
        raise
    return sock


async def throng(count, at_once, script):
    """`script(number)` for each number below `count`, a few at a time; the first failure ends all."""
    numbers = iter(range(count))

    async def work():
        for number in numbers:
            try:
                await asyncio.wait_for(script(number), 60)
            except Exception as failure:
                failure.add_note(f"in session {number}")
                raise

    workers = [asyncio.create_task(work()) for _ in range(min(at_once, count))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


def run(stage, bridge, script, timeout=600):
    """`script(crowd)` in a loop of its own, in the clients' namespace; returns what it returns."""
    async def main():
        async with Crowd(bridge) as crowd:
            return await asyncio.wait_for(script(crowd), timeout)

    with stage.lab.inside("A"):
        return asyncio.run(main())


def times_of_reset(socks, patience, started, strictly=True):
    """For each socket the seconds from `started` until it was told of a reset (unless `strictly`, of a
    clean end too), nothing being read; None where it was not told in time."""
    poll, told = select.poll(), {}
    for sock in socks:
        poll.register(sock.fileno(), 0 if strictly else select.POLLRDHUP)
    numbers = {sock.fileno(): sock for sock in socks}
    while len(told) < len(socks) and time.monotonic() < started + patience:
        for number, _ in poll.poll(100):
            code = numbers[number].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            assert not strictly or code in (errno.ECONNRESET, errno.EPIPE), \
                f"not a reset but {errno.errorcode.get(code, 'a clean end')}"
            told[number] = time.monotonic() - started
            poll.unregister(number)
    return [told.get(number) for number in numbers]


def percentiles(seconds):
    """'median 1.2 ms, p99 3.4 ms, worst 5.6 ms'"""
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    return (f"median {ordered[len(ordered) // 2] * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, "
            f"worst {ordered[-1] * 1e3:.1f} ms")
