"""What runs out: descriptors and pipe pages. Those who are served notice nothing, the others wait or
are told so, and all is well again as soon as there is room."""

import asyncio
import fcntl
import resource
import sys
import time

import pytest

import crowd
import seccomp
from crowd import throng
from injection import strace
from ordinary import AS_ORDINARY_USER
from sizes import KiB, sized

# B9

LIMIT = 256
CLIENTS = sized(400, 1000)
ESTABLISHED = 20
WATCH = sized(2.0, 3.0)
AT_ONCE = 1.0
"""Seconds; the matrix asks for 0.2 at a machine with nothing else to do."""


def limit_descriptors(stage, proxy, count):
    """Done by the user itself: root may lack the capability to do it to others."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    stage.lab.run("B", [*AS_ORDINARY_USER, "prlimit", f"--pid={proxy.pid}", f"--nofile={count}:{hard}"])


@pytest.mark.matrix("B9")
def test_a_live_process_without_descriptors_serves_on_and_waits_for_the_next(stage, tally):
    bridge = stage.bridge("--workers", "1")
    proxy = bridge.proxy

    async def script(sessions):
        established = await sessions.pairs(ESTABLISHED)
        limit_descriptors(stage, proxy, LIMIT)
        waiting = [asyncio.ensure_future(_session(sessions)) for _ in range(CLIENTS)]
        await asyncio.sleep(2)
        served = [task for task in waiting if task.done()]
        assert served, "nobody is served any more"
        cpu, said = proxy.cpu_seconds(), len(proxy.output().splitlines())
        await asyncio.sleep(WATCH)
        share = (proxy.cpu_seconds() - cpu) / WATCH
        lines = len(proxy.output().splitlines()) - said
        for client, server in established:
            await _exchange(client, server)
        refused = await _make_room(served)
        moment = await _next_served(waiting)
        return share, lines, moment, refused + await _serve_the_rest(waiting, served)

    share, lines, moment, refused = crowd.run(stage, bridge, script)
    limit_descriptors(stage, proxy, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    tally.count(CLIENTS)
    tally.note(f"{share:.1%} of a core while saturated, {lines} log lines in {WATCH:g} s, "
               f"served {moment * 1e3:.0f} ms after room was made, {refused} of {CLIENTS} refused")
    assert share < 0.05
    assert lines <= WATCH + 1
    assert moment < AT_ONCE
    counters = proxy.counters()
    assert counters["accept_short_of_descriptors"] + counters["connect_short_of_descriptors"] > 0


async def _session(sessions):
    """The pair once it is served; None where it was refused."""
    try:
        client, server = await sessions.pair()
    except (ConnectionError, asyncio.TimeoutError):
        return None
    await _exchange(client, server)
    return client, server


async def _exchange(client, server, size=1000):
    await client.send(size)
    await server.read(size)
    await server.send(size)
    await client.read(size)


async def _make_room(served):
    """Close those that are served; how many of them were refused."""
    refused = 0
    for task in served:
        if pair := task.result():
            for end in pair:
                end.close()
        else:
            refused += 1
    return refused


async def _next_served(waiting):
    """Seconds until another client is served."""
    started = time.monotonic()
    open_tasks = {task for task in waiting if not task.done()}
    while open_tasks:
        done, open_tasks = await asyncio.wait(open_tasks, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        assert done, "nobody is served although there is room"
        if any(task.result() for task in done):
            break
    return time.monotonic() - started


async def _serve_the_rest(waiting, served):
    """Each served one leaves and makes room for the next, until all have had their turn."""
    refused, left = 0, {task for task in waiting if task not in served}
    while left:
        done, left = await asyncio.wait(left, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert done, f"{len(left)} clients are stuck"
        refused += await _make_room(done)
    return refused


FAULTS = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]


@pytest.mark.matrix("B9")
@pytest.mark.parametrize("error", FAULTS)
@pytest.mark.parametrize("engine, call", [("epoll", "accept4"), ("epoll", "pipe2"), ("uring", "pipe2")],
                         indirect=["engine"])
def test_a_call_that_fails_for_a_while_delays_and_loses_nothing(stage, tally, call, error):
    """A ring accepts without accept4(2): there the test with RLIMIT_NOFILE stands for it."""
    # The main thread's own few calls at the start are left alone: each thread's are counted apart.
    wrapper = strace(f"{call}:error={error}:when=4..9", calls=call)
    bridge = stage.bridge("--workers", "1", wrapper=wrapper)
    count = sized(10, 50)

    async def script(sessions):
        async def one(_):
            pair = await sessions.pair()
            await _exchange(*pair, 100 * KiB)
            for end in pair:
                end.close()
            tally.count()
        await throng(count, 5, one)

    crowd.run(stage, bridge, script)


@pytest.mark.matrix("B9")
@pytest.mark.parametrize("error", FAULTS)
def test_a_socket_call_that_fails_for_a_while_costs_one_client_at_most(stage, tally, error):
    """The one that was already accepted when the upstream's socket could not be had; who comes later
    waits in the accept queue."""
    bridge = stage.bridge("--workers", "1", wrapper=strace(f"socket:error={error}:when=6..12", calls="socket"))

    async def script(sessions):
        first = await sessions.pair()
        fates = []

        async def one(_):
            pair = await _session(sessions)
            fates.append("served" if pair else "refused")
            await _exchange(*first)
        await throng(20, 1, one)
        return fates

    fates = crowd.run(stage, bridge, script, 60)
    refused = fates.count("refused")
    tally.count(20)
    tally.note(f"socket fails 7 times with {error}: {refused} of 20 refused")
    assert refused <= 1


# B10

HOARDER = """
import fcntl, os, time
size, kept = 1 << 20, []
while size >= 16384:
    kept.append(os.pipe())
    try:
        while True:
            fcntl.fcntl(kept[-1][1], fcntl.F_SETPIPE_SZ, size)
            kept.append(os.pipe())
    except PermissionError:
        size //= 2
print("full", flush=True)
time.sleep(600)
"""
CROWD = sized(200, 2000)
AMOUNT = sized(128, 256) * KiB


@pytest.mark.matrix("B10")
def test_a_user_whose_pipe_pages_are_used_up_loses_speed_and_nothing_else(stage, tally):
    """Another process of the same user holds all that pipe-user-pages-soft allows; whatever is opened
    then has two pages, through which or without which the bytes have to go."""
    hoarder = stage.start("B", [*AS_ORDINARY_USER, sys.executable, "-c", HOARDER])
    hoarder.wait_for_output("full")
    bridge = stage.bridge("--relay", "splice")  # so that everything wants a pipe
    seconds = _both_ways(stage, bridge, CROWD, AMOUNT, tally)
    moved = bridge.proxy.counters()
    tally.note(f"{moved['pipes_small']} small pipes, {moved['pipes_unavailable']} times none that pays, "
               f"{2 * CROWD * AMOUNT / seconds / 1e6:.0f} MB/s")
    assert moved["pipes_small"] + moved["pipes_unavailable"] > 0


@pytest.mark.matrix("B10")
def test_pipes_whose_size_cannot_be_set_do_as_they_are(stage, tally):
    """fcntl(F_SETPIPE_SZ) says EPERM, every time."""
    refusal = [sys.executable, seccomp.__file__, "errno", f"{seccomp.FCNTL}:{fcntl.F_SETPIPE_SZ}"]
    bridge = stage.bridge("--workers", "1", wrapper=refusal)
    _both_ways(stage, bridge, 50, 256 * KiB, tally)
    assert bridge.proxy.counters()["pipes_small"] > 0


def _both_ways(stage, bridge, count, size, tally):
    """All at once, so that each has pipes of its own; how long it took."""
    async def script(sessions):
        pairs = await sessions.pairs(count)
        started = time.monotonic()

        async def one(number):
            client, server = pairs[number]
            await asyncio.gather(client.send(size), server.read(size), server.send(size), client.read(size))
            client.close()
            await server.expect_fin()
            server.close()
            tally.count()
        await throng(count, count, one)
        return time.monotonic() - started

    return crowd.run(stage, bridge, script)


# B11

BURST = sized(300, 2000)
FROZEN = sized(1, 5)


@pytest.mark.matrix("B11")
@pytest.mark.parametrize("engine", ["uring"], indirect=True)
def test_tiny_queues_under_a_burst_lose_no_completion_and_no_session(stage, tally):
    """A ring of 8 and 16 entries, and a process that sleeps while everybody comes."""
    bridge = stage.bridge("--workers", "1", "--ring-depth", "8", "--cq-depth", "16")
    proxy = bridge.proxy

    async def script(sessions):
        established = await sessions.pairs(50)
        proxy.signal(19)
        for client, server in established:
            await asyncio.gather(client.send(1000), server.send(1000))
        burst = [asyncio.ensure_future(sessions.pair()) for _ in range(BURST)]
        await asyncio.sleep(FROZEN)
        proxy.signal(18)
        for client, server in established:
            await asyncio.gather(client.read(1000), server.read(1000))
        pairs = [await asyncio.wait_for(task, 30) for task in burst]
        await throng(BURST, BURST, lambda number: _exchange(*pairs[number], 20 * KiB))
        for pair in (*established, *pairs):
            for end in pair:
                end.close()

    crowd.run(stage, bridge, script)
    proxy.counters_once(10, accepted=BURST + 50, closed=BURST + 50)
    counters = proxy.counters()
    tally.count(BURST)
    tally.note(f"submission queue full {counters['submission_queue_full']} times, "
               f"completion queue overflows {counters['completion_queue_overflows']}")
    assert counters["submission_queue_full"] > 0
    assert counters["completion_queue_overflows"] > 0
