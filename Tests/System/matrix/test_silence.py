"""Peers that say nothing any more: half-open for ever, behind a lost FIN, or behind a closed window."""

import asyncio
import socket
import time

import pytest

import crowd
import firewall
from acceptance import CONTROLS
from controls import share
from crowd import SIZE_MAX, percentiles, times_of_reset
from invariants import idle_share
from peers import exchange, time_until_reset
from processes import wait_until
from proxies import port_of
from sizes import KiB, MiB, sized

PAIRS = sized(100, 500)
TIMEOUT = sized(2, 3)
LATE = 0.7
"""Beyond a tenth of the timeout, for a busy machine."""


# B2

@pytest.mark.matrix("B2")
@pytest.mark.parametrize("first", ["client", "server"])
@pytest.mark.parametrize("loss", ["no loss", "FIN lost"])
def test_half_open_pairs_are_cut_at_the_fin_timeout_and_cost_nothing(relay_stage, tally, first, loss):
    """Where the FIN that is passed on is lost, the other end never hears of it at all."""
    bridge = relay_stage.bridge("--fin-timeout", f"{TIMEOUT}s")
    is_control = relay_stage.engine in CONTROLS

    async def script(sessions):
        pairs = await sessions.pairs(PAIRS)
        ordered = [pair if first == "client" else pair[::-1] for pair in pairs]
        started = time.monotonic()
        for early, _ in ordered:
            early.finish()
        share = await asyncio.to_thread(idle_share_between, bridge.proxy.pid)
        # A control that ends a pair with FIN has told the late end all it will ever hear.
        ends = [early for early, _ in ordered] + ([] if is_control else [late for _, late in ordered])
        waits = await asyncio.to_thread(
            times_of_reset, [end.sock for end in ends], 3 * TIMEOUT + 5, started, not is_control)
        for pair in pairs:
            for end in pair:
                end.close()
        return share, waits

    if loss == "FIN lost":
        port = port_of(bridge.listener.address if first == "client" else bridge.proxy.addresses[0])
        # From the server's side the lost FIN goes from the proxy's port.
        match = (firewall.finishes_to(port) if first == "client" else
                 ("-p", "tcp", "--sport", str(port), "--tcp-flags", "FIN", "FIN", "-j", "DROP"))
        with firewall.rule(relay_stage.lab, *match):
            share, waits = crowd.run(relay_stage, bridge, script)
    else:
        share, waits = crowd.run(relay_stage, bridge, script)
    cut = [wait for wait in waits if wait is not None]
    tally.count(len(cut), len(waits) - len(cut))
    assert len(cut) == len(waits), f"{len(waits) - len(cut)} of {len(waits)} half-open ends were not cut"
    tally.note(f"cut after {min(cut):.2f} to {max(cut):.2f} s of {TIMEOUT} s")
    assert min(cut) > 0.9 * TIMEOUT and max(cut) < 1.1 * TIMEOUT + LATE
    assert share < 0.02, f"{share:.1%} of a core for silent pairs"


def idle_share_between(pid):
    """Once everything has come to rest."""
    time.sleep(0.7)
    return idle_share(pid, 0.5)


@pytest.mark.matrix("B2")
def test_pairs_whose_client_vanished_without_a_word_are_cut_at_the_idle_timeout(relay_stage, tally):
    """The client's own FIN is lost, so the proxy cannot know."""
    bridge = relay_stage.bridge("--idle-timeout", f"{TIMEOUT}s")

    async def script(sessions):
        pairs = await sessions.pairs(PAIRS)
        started = time.monotonic()
        for client, _ in pairs:
            client.close()
        servers = [server.sock for _, server in pairs]
        return await asyncio.to_thread(times_of_reset, servers, 3 * TIMEOUT + 5, started,
                                       relay_stage.engine not in CONTROLS)

    with firewall.rule(relay_stage.lab, *firewall.finishes_to(port_of(bridge.proxy.addresses[0]))):
        waits = crowd.run(relay_stage, bridge, script)
    tally.count(PAIRS, waits.count(None))
    assert None not in waits
    assert max(waits) < 1.1 * TIMEOUT + LATE


# B6

READERS = sized(30, 100, 500)
PAUSE = sized(1, 20, 60)
FLAT = 8 * MiB
RECEIVE_BUFFER = 32 * KiB
"""Less (the matrix says 4 KiB) makes two bare sockets crawl at 50 KB/s on loopback, with no proxy at
all: a segment there is larger than the window."""


@pytest.fixture
def small_buffers(lab):
    """So that a sender is held back after a few MiB and not after twenty."""
    before = {name: lab.sysctl("B", name) for name in ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem")}
    for name in before:
        lab.sysctl("B", name, f"4096 65536 {MiB}")
    yield
    for name, value in before.items():
        lab.sysctl("B", name, value)


@pytest.mark.matrix("B6")
def test_readers_that_stop_cost_no_memory_and_slow_nobody(relay_stage, small_buffers, tally):
    """All senders push on until they are held back; a pair beside them goes on as before."""
    bridge = relay_stage.bridge("--workers", "1")

    async def script(sessions):
        beside = await sessions.pair()
        calm = await _round_trips(*beside)
        pairs = await sessions.pairs(READERS)
        before = bridge.proxy.rss()
        senders = []
        for client, server in pairs:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            senders.append(asyncio.ensure_future(server.send(SIZE_MAX)))
        sent = await _standstill(pairs)
        assert max(server.sent for _, server in pairs) < SIZE_MAX, "nothing held a sender back"
        memory = [bridge.proxy.rss()]
        crowded = await _round_trips(*beside)
        await asyncio.sleep(share(relay_stage, PAUSE))
        memory.append(bridge.proxy.rss())
        assert sum(server.sent for _, server in pairs) == sent, "senders were let go on"
        await asyncio.gather(*senders, *(client.read(SIZE_MAX) for client, _ in pairs))
        return calm, crowded, before, memory, sent

    calm, crowded, before, memory, sent = crowd.run(relay_stage, bridge, script)
    tally.count(READERS)
    tally.note(f"beside them {percentiles(calm)} before, {percentiles(crowded)} meanwhile; "
               f"{(memory[0] - before) / READERS / KiB:.1f} KiB resident for each, "
               f"{sent / READERS / MiB:.1f} MiB held for each in the kernel")
    assert memory[1] - memory[0] < 1 * MiB, f"resident memory grows while nothing moves: {memory}"
    if relay_stage.engine not in CONTROLS:
        assert memory[0] - before < FLAT, f"{(memory[0] - before) / MiB:.0f} MiB for bytes that wait"
    assert p99(crowded) < max(2 * p99(calm), 0.020)


def p99(seconds):
    return sorted(seconds)[len(seconds) * 99 // 100]


async def _round_trips(client, server, count=500):
    """Ping-pong of 64 bytes."""
    waits = []
    for _ in range(count):
        started = time.monotonic()
        await client.send(64)
        await server.read(64)
        await server.send(64)
        await client.read(64)
        waits.append(time.monotonic() - started)
    return waits


async def _standstill(pairs):
    """Until no sender has got on for a second; the bytes sent so far."""
    sent = -1
    while sent != (sent := sum(server.sent for _, server in pairs)):
        await asyncio.sleep(1)
    return sent


@pytest.mark.matrix("B6")
def test_a_dead_reader_with_a_closed_window_is_given_up_by_the_kernel(stage, tally):
    """Its last word was that it has no room, and then nothing: probes end the connection with
    ETIMEDOUT (tcp_retries2), and the sender is told by a reset."""
    lab, bridge = stage.lab, stage.bridge()
    client, server = bridge.pair()
    exchange(client, server)
    server.setblocking(False)
    block = bytes(256 * KiB)
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        try:
            server.send(block)
        except BlockingIOError:
            time.sleep(0.05)
    lab.sysctl("B", "net.ipv4.tcp_retries2", "3")
    try:
        port = str(port_of(bridge.proxy.addresses[0]))
        with firewall.rule(lab, "-p", "tcp", "--dport", port, "-j", "DROP"):
            waited = time_until_reset(server, 30)
            wait_until(lambda: bridge.proxy.counters()["active"] == 0, 5, "the pair to be closed", 0.2)
    finally:
        lab.sysctl("B", "net.ipv4.tcp_retries2", "15")
    tally.note(f"a dead reader was given up after {waited:.1f} s")
    assert bridge.proxy.counters()["client_reset"] == 1
