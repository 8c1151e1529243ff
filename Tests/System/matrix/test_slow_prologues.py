"""Clients that keep a proxy waiting for what has to come first."""

import asyncio
import contextlib
import struct
import time

import pytest

import prologues
from controls import ControlStage, share
from crowd import connect, percentiles, throng
from lab import endpoint
from peers import echo, serving
from prologues import LINE, SIGNATURE, v2
from sizes import sized
from test_configuration import serve

DEADLINE = 3.0
LATE = 0.6
"""Seconds beyond a tenth of the deadline; the matrix asks for none at a machine with nothing else to do."""
SWIFT = DEADLINE / 2
"""Within which the others are answered; who were held up would wait for the deadline."""
CLIENTS = sized(150, 600, 2_000)
GOOD = 10
ABREAST, PAUSE = 20, 0.03
"""Who connects at a time, and the pause of each, so that the last one has come when the first one's time is over."""

# A header whose TLV would have 64 KiB is refused; of one that is allowed most never comes.
LARGE = SIGNATURE + struct.pack(">BBH", 0x21, 0x11, 4000) + bytes(12) + b"\xe0" + struct.pack(">H", 3985)
HELLO = prologues.hello("shop.example", ["x" * 200])
SAID = {
    "header": [b"", LINE[:-1], v2()[:-1], LARGE + b"x" * 3000],
    "hello": [HELLO[:1], HELLO[:5], HELLO[:-1]],
}


def stage_for(stage, prologue, listener):
    """Who waits for a header, or for a hello, so long as a deadline."""
    if prologue == "header":
        # HAProxy has one timeout for all that a client may be silent.
        more = {"haproxy": ("--idle-timeout", "3s")}.get(stage.engine, ())
        return stage.serve(listener.address, "--accept-proxy", "127.0.0.0/8", *more)
    if isinstance(stage, ControlStage):
        return stage.serve(listener.address, "--prologue-timeout", "3s", names={"shop.example": listener.address})
    return serve(stage, f"""
listeners:
  - name: l
    bind: ["{endpoint(stage.lab.address("B"), 0)}"]
    routes: [{{ sni: [shop.example], pool: named }}, {{ pool: others }}]
pools:
  - {{ name: named, servers: ["{listener.address}"] }}
  - {{ name: others, servers: ["{listener.address}"] }}
""")


class Slow:
    """A client that says the beginning of a prologue, at once or byte by byte, and never the end of it."""

    def __init__(self, number, said):
        self.said, self.is_dripping = said, number % 2

    async def seconds_until(self, address, happens, turn):
        """From when it was accepted, at least and at most: that is told of only when connecting is over."""
        loop = asyncio.get_running_loop()
        async with turn:
            before = time.monotonic()
            sock = await connect(address)
            after = time.monotonic()
            # Those without a hello are all served in the end, as fast as they came: by an echo and clients that take their time too.
            await asyncio.sleep(PAUSE)
        with sock:
            drip = asyncio.ensure_future(self._say(loop, sock))
            try:
                await asyncio.wait_for(happens(loop, sock), 4 * DEADLINE)
            finally:
                drip.cancel()
                await asyncio.gather(drip, return_exceptions=True)
            end = time.monotonic()
            return end - after, end - before

    async def _say(self, loop, sock):
        with contextlib.suppress(ConnectionError):
            if not self.is_dripping:
                await loop.sock_sendall(sock, self.said)
                return
            for at in range(len(self.said)):
                await loop.sock_sendall(sock, self.said[at:at + 1])
                await asyncio.sleep(1)


async def closed(loop, sock):
    with contextlib.suppress(ConnectionError):
        assert await loop.sock_recv(sock, 1) == b"", "a byte where nobody is served"


class Talk:
    """Good sessions that stood before, and go on all the while."""

    def __init__(self, prologue):
        self.beginning = LINE if prologue == "header" else HELLO
        self.waits = []

    async def open(self, address):
        loop, sock = asyncio.get_running_loop(), await connect(address)
        await loop.sock_sendall(sock, self.beginning)
        if self.beginning == HELLO:
            await self._read(loop, sock, len(HELLO))
        return sock

    async def go_on(self, sock):
        loop = asyncio.get_running_loop()
        while True:
            started = time.monotonic()
            await loop.sock_sendall(sock, b"ping")
            await self._read(loop, sock, 4)
            self.waits.append(time.monotonic() - started)
            await asyncio.sleep(0.05)

    @staticmethod
    async def _read(loop, sock, count):
        while count:
            piece = await loop.sock_recv(sock, count)
            assert piece, "a good session was cut"
            count -= len(piece)


@pytest.mark.matrix("C3")
@pytest.mark.parametrize("prologue", SAID)
def test_who_says_too_little_is_done_with_at_one_deadline_and_holds_up_nobody(relay_stage, tally, prologue):
    """Without a header: closed. Without a hello: served by the last route, with what was said."""
    stage, listener = relay_stage, relay_stage.listen()
    proxy = stage_for(stage, prologue, listener)
    address, count, talk, waits = proxy.addresses[0], share(stage, CLIENTS), Talk(prologue), []
    turn = None

    async def one(number):
        slow = Slow(number, SAID[prologue][number % len(SAID[prologue])])
        waits.append(await slow.seconds_until(address, closed if prologue == "header" else first_byte, turn))

    async def first_byte(loop, sock):
        assert await loop.sock_recv(sock, 1) == HELLO[:1], "another byte than the first one"

    async def script():
        good = [await talk.open(address) for _ in range(GOOD)]
        talks = [asyncio.ensure_future(talk.go_on(sock)) for sock in good]
        nonlocal turn
        turn = asyncio.Semaphore(ABREAST)
        await throng(count, count, one)
        # The deadline is no matter of sessions that stand.
        await asyncio.sleep(0.3)
        for task in talks:
            assert not task.done(), f"a good session was cut: {task.exception()!r}"
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        for sock in good:
            sock.close()

    with serving(listener, echo), stage.lab.inside("A"):
        asyncio.run(script())
    tally.count(len(waits))
    least, most = min(most for _, most in waits), max(least for least, _ in waits)
    tally.note(f"{prologue}: done with after {percentiles([least for least, _ in waits])}; good sessions answered within {percentiles(talk.waits)}")
    assert least >= 0.9 * DEADLINE and most <= 1.1 * DEADLINE + LATE, f"{least:.2f} to {most:.2f} s"
    assert max(talk.waits) < SWIFT
    if hasattr(proxy, "counters_once"):
        expected = {"prologue_timeout": count} if prologue == "header" else {"prologue_timeout": 0, "hellos_missed": count}
        proxy.counters_once(10, active=0, **expected)
