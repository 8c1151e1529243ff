"""Load that is held: both directions at once, churn, huge transfers and tiny writes, all of it accounted
for byte by byte at both ends."""

import asyncio
import json
import time

import pytest

import crowd
from acceptance import CONTROLS
from controls import share
from crowd import throng
from lab import endpoint
from ledger import SOURCES, run_bench, start_peer
from sizes import GiB, KiB, MiB, sized

# A1

SECONDS = sized(2, 10, 12)
MANY = sized(64, 256)


@pytest.mark.matrix("A1")
@pytest.mark.parametrize("connections", [1, 8, MANY])
def test_both_directions_at_once_keep_the_ledger(relay_stage, tally, connections):
    """Drawn write sizes from one byte to a MiB, drawn pauses, drawn ends."""
    stage = relay_stage
    proxy = stage.serve(start_peer(stage))
    report = run_bench(stage, proxy, "ledger", "--duration", f"{SECONDS}s", "--connections", str(connections),
                       "--size", "1MiB", lenient=stage.engine in CONTROLS)
    tell(tally, report, f"{connections} at a time")


def tell(tally, report, what):
    tally.count(report["connections"]["finished"])
    became = report["reconciled"]["reset_became_fin"]
    tally.note(f"{what}: {report['bytes']['per_second'] / 1e6:.0f} MB/s, "
               f"{report['connections']['per_second']:.0f} connections a second"
               + (f", {became} resets became FIN" if became else "") + f", seed {report['seed']}")


@pytest.mark.matrix("A1")
def test_iperf3_beside_a_ledger_disturbs_no_byte_of_it(relay_stage, tally):
    stage = relay_stage
    port = stage.lab.free_port("C")
    stage.start("C", ["iperf3", "--server", "--one-off", "--port", port])
    stage.lab.wait_port("C", port)
    # One worker keeps the clients' order, which iperf3 needs to tell its two directions apart.
    beside = stage.serve(endpoint(stage.lab.address("C"), port), "--workers", "1")
    iperf = stage.start("A", ["iperf3", "--json", "--bidir", "--client", stage.lab.address("B"), "--port",
                              beside.addresses[0].rpartition(":")[2], "--time", SECONDS])
    proxy = stage.serve(start_peer(stage))
    report = run_bench(stage, proxy, "ledger", "--duration", f"{SECONDS}s", "--connections", "8",
                       "--size", "1MiB", lenient=stage.engine in CONTROLS)
    assert iperf.wait(SECONDS + 20) == 0, iperf.output()
    total = json.loads(iperf.output())["end"]
    rates = [total[name]["bits_per_second"] / 8e6 for name in ("sum_received", "sum_received_bidir_reverse")]
    tell(tally, report, f"8 at a time beside iperf3 with {rates[0]:.0f} and {rates[1]:.0f} MB/s")


# A4

CHURN = sized(10_000, 50_000, 300_000)


@pytest.mark.matrix("A4")
def test_short_connections_that_end_in_every_way_mix_up_no_byte(relay_stage, tally):
    """One to three round trips; a fifth is reset, a tenth closed in the middle of an operation. Each
    stream is tagged, so that a byte of another connection, by a stale completion, would be named."""
    stage, total = relay_stage, share(relay_stage, CHURN)
    proxy = stage.serve(start_peer(stage))
    report = run_bench(stage, proxy, "churn", "--total", str(total), "--connections", "128", *SOURCES,
                       lenient=stage.engine in CONTROLS)
    tell(tally, report, f"{total} short connections")
    assert report["connections"]["finished"] == total


# A5

HUGE = sized(512 * MiB, 2 * GiB, 8 * GiB)


@pytest.mark.matrix("A5")
def test_one_connection_carries_gigabytes_each_way(relay_stage, tally):
    """With 8 GiB the counts of bytes cross 2^32 and 2^33."""
    stage, size = relay_stage, share(relay_stage, HUGE)
    proxy = stage.serve(start_peer(stage))
    report = run_bench(stage, proxy, "bulk", "--connections", "1", "--size", str(size), "--direction", "both")
    assert report["bytes"]["up"] == report["bytes"]["down"] == size
    if stage.engine not in CONTROLS:
        counters = proxy.counters_once(5, active=0)
        assert counters["bytes_up"] >= size and counters["bytes_down"] >= size
    tell(tally, report, f"{size / GiB:.2g} GiB each way")


# A6

SWIFT = 0.035
"""A timer of 40 ms (a delayed acknowledgement) or 200 ms (a cork) shows beyond this."""


@pytest.mark.matrix("A6")
@pytest.mark.parametrize("size", [1, 14, 64])
def test_small_messages_wait_for_no_timer(relay_stage, tally, size):
    stage = relay_stage
    proxy = stage.serve(start_peer(stage))
    report = run_bench(stage, proxy, "pingpong", "--connections", "1", "--size", str(size),
                       "--duration", f"{sized(1, 5)}s")
    latency = report["latency_us"]
    tally.count(report["requests"]["answered"])
    tally.note(f"{size} B: p50 {latency['p50']:.0f} us, p99 {latency['p99']:.0f} us, worst {latency['max']:.0f} us")
    assert latency["p99"] / 1e6 < SWIFT, "messages wait for a timer"


DRIPS = sized(200, 1000)
DRIPPED = 1000


@pytest.mark.matrix("A6")
def test_single_bytes_from_a_thousand_senders_pile_up_before_stalled_readers(relay_stage, tally):
    """Each byte is a segment and fills one of a pipe's few slots, long before its bytes do."""
    bridge = relay_stage.bridge("--workers", "1")

    async def script(sessions):
        pairs = await sessions.pairs(DRIPS)
        for client, _ in pairs:
            client.sock.setsockopt(6, 1, 1)  # TCP_NODELAY
        before = bridge.proxy.rss()

        async def drip(number):
            for _ in range(DRIPPED // 50):
                await pairs[number][0].send(50, piece=1)
                await asyncio.sleep(0)
            pairs[number][0].finish()
        await throng(DRIPS, DRIPS, drip)
        grown = bridge.proxy.rss() - before

        async def read(number):
            client, server = pairs[number]
            await server.read(DRIPPED)
            await server.expect_fin()
            server.close()
            await client.expect_fin()
            client.close()
            tally.count()
        started = time.monotonic()
        await throng(DRIPS, DRIPS, read)
        return grown, time.monotonic() - started

    grown, seconds = crowd.run(relay_stage, bridge, script)
    tally.note(f"{DRIPS} senders of {DRIPPED} single bytes: {grown / DRIPS / KiB:.1f} KiB resident for each, "
               f"read within {seconds:.1f} s after the stall")
    assert grown < DRIPS * 32 * KiB
