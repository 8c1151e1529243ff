"""Upstreams that fail to connect, in every way the network knows, and upstreams that die at work."""

import asyncio
import contextlib
import signal
import struct
import sys
import time
from pathlib import Path

import pytest

import backend
import firewall
from crowd import connect, percentiles, throng
from lab import endpoint
from peers import expect_fin, finish, read_exactly, reset, serving
from proxies import port_of
from sizes import sized

# B7

CONNECT_TIMEOUT = 1.0
LATE = 0.5
WAYS = {
    "refused": None,
    "silent": ("DROP",),
    "host unreachable": ("REJECT", "--reject-with", "icmp-host-unreachable"),
    "prohibited": ("REJECT", "--reject-with", "icmp-admin-prohibited"),
    "reset": ("REJECT", "--reject-with", "tcp-reset"),
}
CLIENTS = sized(10, 30, 100)
TALKS = min(CLIENTS, 30)


@contextlib.contextmanager
def failing(stage, way):
    """An upstream's address at which connecting fails that way."""
    port = stage.lab.free_port("C")
    address = endpoint(stage.lab.address("C"), port)
    if WAYS[way]:
        with firewall.rule(stage.lab, *firewall.connects_to(port, *WAYS[way])):
            yield address
    else:
        yield address


def seconds_until_closed(address):
    async def one():
        sock = await connect(address)
        with sock, contextlib.suppress(ConnectionError):
            assert await asyncio.get_running_loop().sock_recv(sock, 1) == b""
    return one


def time_all(stage, count, job):
    """`count` times at once; the seconds each took."""
    waits = []

    async def timed(_):
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            await job()
        waits.append(time.monotonic() - started)

    with stage.lab.inside("A"):
        asyncio.run(throng(count, count, timed))
    return waits


@pytest.mark.matrix("B7")
@pytest.mark.parametrize("way", WAYS)
def test_a_client_whose_upstream_cannot_be_connected_is_told_in_time(relay_stage, tally, way):
    """At once, or for a silent one after the connect timeout."""
    stage = relay_stage
    with failing(stage, way) as upstream:
        proxy = stage.serve(upstream, "--connect-timeout", f"{CONNECT_TIMEOUT:g}s")
        waits = time_all(stage, CLIENTS, seconds_until_closed(proxy.addresses[0]))
    tally.count(CLIENTS)
    tally.note(f"{way}: {percentiles(waits)}")
    if way == "silent":
        assert min(waits) > 0.9 * CONNECT_TIMEOUT and max(waits) < 1.1 * CONNECT_TIMEOUT + LATE
    else:
        assert max(waits) < LATE
    if hasattr(proxy, "counters_once"):
        proxy.counters_once(accepted=CLIENTS, closed=CLIENTS, connect_failed=CLIENTS)
        time.sleep(1.1)
        assert any("upstream" in line and "WARNING" in line for line in proxy.output().splitlines()), \
            "no line tells of the upstream"


@pytest.mark.matrix("B7")
@pytest.mark.parametrize("way", WAYS)
def test_the_next_upstream_gets_the_payload_once_and_whole(relay_stage, tally, way):
    stage, listener = relay_stage, relay_stage.listen()
    heard = []

    def hear(sock):
        words = b""
        while piece := sock.recv(4096):
            words += piece
        heard.append(words)
        sock.sendall(b"heard")
        finish(sock)

    def talk(number):
        client = stage.connect(proxy.addresses[0])
        client.sendall(b"%06d" % number * 200)
        finish(client)
        assert read_exactly(client, 5) == b"heard"
        expect_fin(client)
        client.close()

    with failing(stage, way) as upstream, serving(listener, hear):
        proxy = stage.serve([upstream, listener.address], "--connect-timeout", "300ms")
        for number in range(TALKS):
            talk(number)
    assert sorted(heard) == [b"%06d" % number * 200 for number in range(TALKS)]
    tally.count(TALKS)


@pytest.mark.matrix("B7")
def test_an_upstream_that_accepts_and_resets_resets_the_client(relay_stage, tally):
    """Where the reset is known before anything was sent, the next upstream may be tried; it does the same."""
    stage, listener = relay_stage, relay_stage.listen()
    with serving(listener, reset):
        proxy = stage.serve([listener.address, listener.address])
        for _ in range(CLIENTS):
            with contextlib.suppress(ConnectionResetError), \
                    contextlib.closing(stage.connect(proxy.addresses[0])) as client:
                client.sendall(b"payload")
                assert client.recv(1) != b"", "a clean end, where the upstream was reset"
            tally.count()


# B8

SESSIONS = sized(300, 1000)
STOPPED = sized(1, 5)
SOON = 3.0
"""Seconds; the matrix asks for one at a machine with nothing else to do."""


class Session:
    """A client of one of two backends."""

    def __init__(self, number):
        self.number, self.is_bulk, self.received = number, number % 2 == 1, 0
        self._piece = b""

    async def open(self, address):
        self.loop, self.sock = asyncio.get_running_loop(), await connect(address)
        await self.loop.sock_sendall(self.sock, struct.pack("!Ic", self.number, b"b" if self.is_bulk else b"e"))
        self.backend = (await self.loop.sock_recv(self.sock, 1)).decode()
        assert self.backend, "ended before the backend named itself"

    async def read_bulk(self, pause=0.2):
        """On and on at a moderate pace, each byte compared, until the stream ends."""
        with contextlib.suppress(ConnectionResetError):
            while piece := await self.loop.sock_recv(self.sock, backend.BLOCK):
                self._compare(piece)
                await asyncio.sleep(pause)

    def _compare(self, piece):
        while piece:
            index, offset = divmod(self.received, backend.BLOCK)
            expected = backend.bulk_block(self.number, index)[offset:offset + len(piece)]
            assert piece[:len(expected)] == expected, f"wrong byte after {self.received}"
            self.received += len(expected)
            piece = piece[len(expected):]

    async def echo(self):
        await self.loop.sock_sendall(self.sock, b"hello")
        got = b""
        while len(got) < 5:
            piece = await self.loop.sock_recv(self.sock, 5)
            assert piece, "ended instead of an echo"
            got += piece
        assert got == b"hello"

    async def until_end(self):
        with contextlib.suppress(ConnectionResetError):
            assert await self.loop.sock_recv(self.sock, 1) == b""


@pytest.mark.matrix("B8")
def test_a_killed_backend_ends_its_sessions_and_no_others(relay_stage, tally):
    stage = relay_stage
    programs, upstreams = {}, []
    for name in "xy":
        host, port = stage.lab.address("C"), stage.lab.free_port("C")
        programs[name] = stage.start("C", [sys.executable, Path(backend.__file__), host, port, name])
        stage.lab.wait_port("C", port)
        upstreams.append(endpoint(host, port))
    proxy = stage.serve(upstreams, "--workers", "1")

    async def script():
        sessions = [Session(number) for number in range(SESSIONS)]
        await throng(SESSIONS, 50, lambda number: sessions[number].open(proxy.addresses[0]))
        readers = {one: asyncio.ensure_future(one.read_bulk()) for one in sessions if one.is_bulk}
        dying = [one for one in sessions if one.backend == "x"]
        living = [one for one in sessions if one.backend == "y"]
        assert len(dying) > SESSIONS // 4 < len(living)
        await asyncio.sleep(0.5)
        programs["x"].signal(signal.SIGKILL)
        ended = await _time_of_end(dying, readers)
        assert not any(reader.done() for one, reader in readers.items() if one in living), "the wrong session ended"
        await throng(len(living), 50, lambda number: _still_there(living[number]))
        newcomers = [Session(2 * SESSIONS + 2 * number) for number in range(50)]
        await throng(50, 10, lambda number: newcomers[number].open(proxy.addresses[0]))
        assert {one.backend for one in newcomers} == {"y"}
        await _stop_and_continue(programs["y"], living, readers)
        for one in (*living, *newcomers):
            one.sock.close()
        await _cancel(readers.values())
        return ended

    with stage.lab.inside("A"):
        ended = asyncio.run(script())
    tally.count(SESSIONS)
    tally.note(f"killed: {percentiles(ended)}")
    assert max(ended) < SOON


async def _time_of_end(sessions, readers):
    started, ended = time.monotonic(), []

    async def watch(number):
        one = sessions[number]
        await (readers[one] if one.is_bulk else one.until_end())
        ended.append(time.monotonic() - started)
        one.sock.close()
    await throng(len(sessions), len(sessions), watch)
    return ended


async def _still_there(one):
    if not one.is_bulk:
        await one.echo()


async def _stop_and_continue(program, sessions, readers):
    """A stopped backend answers late and loses nothing."""
    program.signal(signal.SIGSTOP)
    echoes = [asyncio.ensure_future(one.echo()) for one in sessions if not one.is_bulk]
    await asyncio.sleep(STOPPED)
    assert not any(echo.done() for echo in echoes)
    program.signal(signal.SIGCONT)
    await asyncio.wait_for(asyncio.gather(*echoes), 20)
    before = {one: one.received for one in sessions if one.is_bulk}
    await asyncio.sleep(1.5)
    for one, position in before.items():
        if readers[one].done():
            readers[one].result()
        assert one.received > position and not readers[one].done(), "bulk did not go on"


async def _cancel(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
