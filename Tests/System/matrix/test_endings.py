"""How connections end when thousands of them do: resets at each end, and FIN behind waiting bytes."""

import asyncio
import contextlib
import random
import socket
import time

import pytest

import crowd
from controls import share
from crowd import percentiles, throng
from sizes import KiB, MiB, sized
from sockdiag import Destroyer

PROMPTLY = {"idle": 1.0, "in mid-transfer": 10.0}
"""Seconds for nine of ten. The matrix asks for 0.1 at a machine with nothing else to do; in mid-transfer
the bytes before the reset have to be read first, with the others' bytes, by this one process."""

SEED = random.randrange(1 << 32)


def dice(number):
    """For one session; the seed is in the failure's message."""
    return random.Random(SEED << 32 | number)


@pytest.fixture(autouse=True)
def _tell_the_seed(request):
    print(f"seed {SEED}")


# B3

CULPRITS = ["client", "server", "client destroyed", "proxy's socket to the client destroyed",
            "proxy's socket to the server destroyed", "server destroyed"]
ROUNDS = {"idle": sized(25, 100, 1200), "in mid-transfer": sized(15, 60, 480)}
"""For each of the six culprits; in torture 10,080 in all."""


@pytest.mark.matrix("B3")
@pytest.mark.parametrize("moment", ["idle", "in mid-transfer"])
@pytest.mark.parametrize("culprit", CULPRITS)
def test_a_reset_of_any_of_the_four_ends_reaches_both_outer_ends(relay_stage, tally, culprit, moment):
    """Each reads an exact prefix, never a clean end."""
    bridge = relay_stage.bridge("--workers", "1")
    with relay_stage.lab.inside("B"), contextlib.closing(Destroyer()) as destroyer:
        if "destroyed" in culprit and not destroyer.is_supported():
            pytest.skip("the kernel has no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)")
        waits = crowd.run(relay_stage, bridge, lambda sessions: _resets(
            sessions, destroyer, culprit, moment, tally, share(relay_stage, ROUNDS[moment])))
    tally.note(f"{culprit}, {moment}: {percentiles(waits)}")
    assert sorted(waits)[len(waits) * 9 // 10] < PROMPTLY[moment]


async def _resets(sessions, destroyer, culprit, moment, tally, rounds):
    waits = []

    async def one(number):
        client, server = await sessions.pair()
        if moment == "idle":
            await asyncio.gather(client.send(100), server.read(100))
            await asyncio.gather(server.send(100), client.read(100))
            tasks = {end: [asyncio.ensure_future(end.read_to_end())] for end in (client, server)}
        else:
            tasks = {end: [asyncio.ensure_future(job) for job in (end.send(8 * MiB), end.read_to_end())]
                     for end in (client, server)}
            threshold = dice(number).randrange(2 * MiB)
            while client.received + server.received < threshold:
                await asyncio.sleep(0.001)
        started = time.monotonic()
        victims = await _strike(destroyer, culprit, client, server, tasks)
        for victim in victims:
            await asyncio.wait(tasks[victim], timeout=20)
        waits.append(time.monotonic() - started)
        for victim in victims:
            _expect_reset(victim, tasks[victim])
            victim.close()
        tally.count()

    await throng(rounds, 10 if moment == "idle" else 4, one)
    return waits


async def _strike(destroyer, culprit, client, server, tasks):
    """Reset or destroy; returns the ends that must be told of a reset."""
    who = client if "client" in culprit else server
    other = server if who is client else client
    if culprit in ("client", "server"):
        await _cancel(tasks[who])
        who.reset()
        return [other]
    outer, inner = who.sock.getsockname(), who.sock.getpeername()
    if culprit.startswith("proxy's"):
        destroyer.destroy(inner, outer)
        return [client, server]
    await _cancel(tasks[who])
    destroyer.destroy(outer, inner)
    who.close()
    return [other]


async def _cancel(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _expect_reset(end, tasks):
    assert all(task.done() for task in tasks), f"not told of the reset, {end.received} bytes received"
    for task in tasks:
        failure = task.exception()
        if failure and not isinstance(failure, (ConnectionResetError, BrokenPipeError)):
            raise failure
    assert end.was_reset, f"a clean end after {end.received} bytes, where another end was reset"


# B4

SIZES = [k * 64 * KiB + extra for k in range(1, 65) for extra in (-1, 0, 1, 4095)]
RUNS = sized(256, 1024, 5120)
"""Of each engine, over both directions."""
STOPPED = sized(1.0, 2.0, 5.0)
"""Seconds for which a reader reads nothing, at most."""


@pytest.mark.matrix("B4")
@pytest.mark.parametrize("writer", ["client", "server"])
def test_a_finish_behind_waiting_bytes_loses_none_of_them(relay_stage, tally, writer):
    """The reader stands still and then reads slowly. Half of the readers have a small buffer, so that
    the bytes wait in the proxy's pipe and in front of it."""
    bridge = relay_stage.bridge()

    async def script(sessions):
        async def one(number):
            chance = dice(number)
            size = SIZES[number % len(SIZES)]
            client, server = await sessions.pair()
            early, late = (client, server) if writer == "client" else (server, client)
            if number % 2:
                late.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KiB)
            await asyncio.gather(_send_and_finish(early, size),
                                 _read_slowly(late, size, chance.random() * STOPPED, chance))
            late.finish()
            await early.expect_fin()
            for end in (early, late):
                assert not end.was_reset and end.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
                end.close()
            tally.count()

        await throng(share(relay_stage, RUNS // 2), 256, one)

    crowd.run(relay_stage, bridge, script)


async def _send_and_finish(end, size):
    await end.send(size)
    end.finish()


async def _read_slowly(end, size, pause, chance):
    await asyncio.sleep(pause)
    while end.received < size:
        await end.read_some(min(size - end.received, chance.randrange(1, 256 * KiB)))
        await asyncio.sleep(0.001)
    await end.expect_fin()
