"""Nothing is lost by leaving, and nothing goes unrecorded."""

import asyncio
import json
import signal
import time

import pytest

import crowd
from crowd import throng
from ledger import SOURCES, run_bench, start_peer
from sizes import sized

# D5

SESSIONS = sized(200, 500)
SHORT, LONG = sized((0.5, 2.0), (1.0, 8.0), (1.0, 20.0))
"""Seconds that sessions last; the drain's timeout lies in the middle."""


@pytest.mark.matrix("D5")
def test_a_drain_lets_sessions_end_and_cuts_the_rest_at_its_timeout(stage, tally):
    timeout = (SHORT + LONG) / 2
    bridge = stage.bridge("--drain-timeout", f"{timeout * 1000:.0f}ms")
    proxy = bridge.proxy
    ends = {"complete": [], "cut": []}

    async def script(sessions):
        pairs = await sessions.pairs(SESSIONS)
        started = time.monotonic()
        proxy.signal(signal.SIGTERM)

        async def one(number):
            client, server = pairs[number]
            lasts = SHORT + (LONG - SHORT) * number / SESSIONS
            try:
                while time.monotonic() < started + lasts:
                    await client.send(100)
                    await server.read(100)
                    await asyncio.sleep(0.1)
                client.finish()
                await server.expect_fin()
                server.finish()
                await client.expect_fin()
                ends["complete"].append((lasts, time.monotonic() - started))
            except OSError:  # A reset, and whatever a call on a socket that was reset says.
                ends["cut"].append((lasts, time.monotonic() - started))
        await throng(SESSIONS, SESSIONS, one)

    crowd.run(stage, bridge, script)
    assert proxy.wait(5) == 0
    tally.count(SESSIONS)
    late = 1.0
    moments = [moment for _, moment in ends["cut"]]
    tally.note(f"{len(ends['complete'])} ended by themselves, {len(moments)} cut "
               f"{min(moments) - timeout:+.2f} to {max(moments) - timeout:+.2f} s around the timeout")
    assert len(ends["complete"]) + len(moments) == SESSIONS
    assert all(lasts > timeout - late for lasts, _ in ends["cut"]), "a session that had time was cut"
    assert all(timeout - 0.1 <= moment <= timeout + late for moment in moments)
    assert "cutting what is left" in proxy.output()


# D8

RECORDED = sized(3000, 20_000, 60_000)


@pytest.mark.matrix("D8")
def test_every_accepted_connection_has_its_record_with_the_ledgers_bytes(stage, tally):
    log = stage.lab.fresh_path(".jsonl")
    proxy = stage.serve(start_peer(stage), "--access-log", log)
    report = run_bench(stage, proxy, "churn", "--total", str(RECORDED), "--connections", "128", *SOURCES)
    counters = proxy.counters_once(10, active=0)
    assert proxy.stop() == 0
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(records) == counters["accepted"] == counters["records"]
    assert counters["records_dropped"] == 0
    assert len({record["id"] for record in records}) == len(records), "an id was given twice"
    for field, counter in (("bytes_up", "bytes_up"), ("bytes_down", "bytes_down")):
        assert sum(record[field] for record in records) == counters[counter]
    tally.count(len(records))
    tally.note(f"{len(records)} records of {report['connections']['opened']} connections")


@pytest.mark.matrix("D8")
def test_a_blocked_sink_costs_records_and_counts_them_and_slows_nothing(stage, tally):
    """Nobody reads the FIFO for a while; what was dropped and what is written make up all."""
    fifo = stage.lab.fresh_path(".fifo")
    reader = stage.start("B", ["bash", "-c", f"mkfifo -m 666 {fifo}; exec 3<>{fifo}; echo made; sleep 600"])
    reader.wait_for_output("made")
    proxy = stage.serve(start_peer(stage), "--access-log", fifo)
    total = max(RECORDED, 20_000)
    report = run_bench(stage, proxy, "churn", "--total", str(total), "--connections", "128", *SOURCES)
    counters = proxy.counters_once(10, active=0)
    assert counters["records"] + counters["records_dropped"] == counters["accepted"]
    assert counters["records_dropped"] > 0, "the sink was not blocked for long enough"
    tally.count(report["connections"]["finished"])
    tally.note(f"{counters['records_dropped']} of {counters['accepted']} records dropped and counted")
