"""Closes that meet each other, a connect, or an operation that is armed."""

import asyncio
import time

import pytest

import crowd
from controls import share
from crowd import percentiles, throng, times_of_reset
from peers import PATIENCE
from sizes import sized

TRIALS = sized(300, 2000, 10_000)
PROMPTLY = 0.5
"""Seconds for nine of ten; the matrix asks for 0.05 at a machine with nothing else to do."""


def counted(proxy, **expected):
    """Controls do not count."""
    if hasattr(proxy, "counters_once"):
        proxy.counters_once(10, **expected)


@pytest.mark.matrix("B5")
def test_both_ends_close_at_the_same_time_and_see_the_others_finish(relay_stage, tally):
    """Nobody had anything to say; what each is told must be FIN, and soon."""
    waits, trials = [], share(relay_stage, TRIALS)

    async def script(sessions):
        async def one(_):
            client, server = await sessions.pair()
            started = time.monotonic()
            client.finish()
            server.finish()
            await asyncio.gather(client.expect_fin(), server.expect_fin())
            waits.append(time.monotonic() - started)
            client.close()
            server.close()
            tally.count()
        await throng(trials, 10, one)

    bridge = relay_stage.bridge()
    crowd.run(relay_stage, bridge, script)
    tally.note(f"FIN crossing FIN: {percentiles(waits)}")
    assert sorted(waits)[len(waits) * 9 // 10] < PROMPTLY
    counted(bridge.proxy, accepted=trials, closed=trials, finished=trials)


@pytest.mark.matrix("B5")
def test_the_second_finish_closes_both_sides_at_once(relay_stage, tally):
    """The moment at which the proxy decides to close: both sockets end within moments of it."""
    waits, trials = [], share(relay_stage, TRIALS)

    async def script(sessions):
        async def one(number):
            early, late = ordered(await sessions.pair(), number)
            early.finish()
            await late.expect_fin()
            started = time.monotonic()
            late.close()
            await early.expect_fin()
            waits.append(time.monotonic() - started)
            early.close()
            tally.count()
        await throng(trials, 10, one)

    bridge = relay_stage.bridge()
    crowd.run(relay_stage, bridge, script)
    tally.note(f"FIN after the decision to close: {percentiles(waits)}")
    assert sorted(waits)[len(waits) * 9 // 10] < PROMPTLY
    counted(bridge.proxy, accepted=trials, closed=trials, finished=trials)


def ordered(pair, number):
    return pair if number % 2 else (pair[1], pair[0])


@pytest.mark.matrix("B5")
@pytest.mark.parametrize("way", ["finish", "reset"])
def test_a_client_that_leaves_as_soon_as_it_is_connected_leaves_nothing(relay_stage, tally, way):
    """Its upstream may be connected, be connecting, or not be chosen yet."""
    bridge = relay_stage.bridge()
    address, trials = bridge.proxy.addresses[0], share(relay_stage, TRIALS)

    async def script(_):
        async def one(_):
            sock = await crowd.connect(address)
            crowd.End(sock, 0, 0).reset() if way == "reset" else sock.close()
            tally.count()
        await throng(trials, 50, one)
        # The upstream closes what it accepts, for as long as the script runs. A connection that was reset in
        # the proxy's accept queue may be given to nobody.
        await asyncio.to_thread(counted, bridge.proxy, active=0, **({} if way == "reset" else {"accepted": trials}))

    crowd.run(relay_stage, bridge, script)


@pytest.mark.matrix("B5")
def test_a_client_that_leaves_before_its_upstream_answers_leaves_nothing(relay_stage, tally):
    """The upstream's queue is full, so that its kernel lets the connects wait (golang #25985)."""
    listener = relay_stage.listen(backlog=0)
    relay_stage.connect(listener.address)
    proxy = relay_stage.serve(listener.address, "--connect-timeout", "1s")
    trials = min(share(relay_stage, TRIALS), 2000)

    async def script():
        async def one(number):
            sock = await crowd.connect(proxy.addresses[0])
            if number % 3:
                await asyncio.get_running_loop().sock_sendall(sock, b"anybody?")
            crowd.End(sock, 0, 0).reset() if number % 2 else sock.close()
            tally.count()
        await throng(trials, 50, one)

    with relay_stage.lab.inside("A"):
        asyncio.run(script())
    counted(proxy, active=0)


@pytest.mark.matrix("B5")
def test_a_cut_of_pairs_with_operations_armed_is_told_to_both_ends_at_once(stage, tally):
    """The idle timeout closes sockets on which polls and splices wait: close(2) alone would end
    nothing and send nothing (liburing #932)."""
    batch = 250
    bridge = stage.bridge("--idle-timeout", "700ms")
    late = []

    async def script(sessions):
        for _ in range(max(1, TRIALS // batch)):
            pairs = await sessions.pairs(batch)
            socks = [end.sock for pair in pairs for end in pair]
            # What each pair said last is its number, a moment ago: the cuts come within the next second.
            waits = await asyncio.to_thread(times_of_reset, socks, PATIENCE, time.monotonic())
            assert None not in waits, f"{waits.count(None)} of {len(waits)} ends were not told"
            late.extend(abs(a - b) for a, b in zip(waits[::2], waits[1::2]))
            for sock in socks:
                sock.close()
            tally.count(batch)

    crowd.run(stage, bridge, script)
    tally.note(f"one end told after the other: {percentiles(late)}")
    assert sorted(late)[len(late) * 9 // 10] < PROMPTLY
    counted(bridge.proxy, active=0, idle_timeout=tally.trials)
