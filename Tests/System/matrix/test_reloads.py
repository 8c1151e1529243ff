"""Reloads under load, beside long sessions, in storms, and with files that cannot be served."""

import asyncio
import random
import signal
import time
from pathlib import Path

import pytest

from acceptance import CONTROLS
from lab import endpoint
from ledger import SOURCES, run_bench, start_peer
from peers import exchange
from proxies import binary
from reloads import FAILED, Alternation, Reloader, Repetition
from sizes import sized


def text(stage, here, upstreams, extra="", pool=""):
    servers = ", ".join(f'"{one}"' for one in upstreams)
    return f"""
engine: {stage.engine}
workers: 2
listeners:
  - {{ name: steady, bind: ["{here}"], pool: web }}
{extra}
pools:
  - {{ name: web, servers: [{servers}]{pool} }}
"""


def served(stage, upstreams):
    """A proxy by a file, on a port that stays; its reloader, and the file as a function of what else is in it."""
    here = endpoint(stage.lab.address("B"), stage.lab.free_port("B"))
    path = stage.lab.fresh_path(".yaml")
    path.write_text(text(stage, here, upstreams))
    path.chmod(0o644)
    proxy = stage.serve([], listen=[here], config=path)
    return proxy, Reloader(proxy, path), lambda *more, **given: text(stage, here, upstreams, *more, **given)


def network_counters(lab, where):
    """Of /proc/net/netstat and snmp: what resets and drops there have been."""
    with lab.inside(where):
        values = {}
        for name in ("netstat", "snmp"):
            lines = Path(f"/proc/thread-self/net/{name}").read_text().splitlines()
            for names, numbers in zip(lines[::2], lines[1::2]):
                prefix = names.split(":")[0]
                values |= {f"{prefix}.{key}": int(value)
                           for key, value in zip(names.split()[1:], numbers.split()[1:])}
        return values


# D1

SECONDS = sized(6, 20, 60)


@pytest.mark.matrix("D1")
def test_reloads_every_second_lose_nobody_who_connects(relay_stage, tally):
    """Another listener comes and goes with each reload, and rules change; the connections go through the listener and the server that
    stay, as fast as they can. The controls read the same file again."""
    stage, peer = relay_stage, start_peer(relay_stage)
    if stage.engine in CONTROLS:
        return control_under_reloads(stage, peer, tally)
    proxy, reloader, written = served(stage, [peer])
    spare = endpoint(stage.lab.address("B"), stage.lab.free_port("B"))
    other = f'  - {{ name: other, bind: ["{spare}"], pool: web, limits: {{ connections: 5 }} }}'
    texts = [written(other, pool=", balance: least_connections"), written(pool=", timeouts: { idle: 30m }")]
    before = network_counters(stage.lab, "B")
    with Alternation(reloader, texts, pause=1.0 if SECONDS > 10 else 0.5) as reloads:
        report = run_bench(stage, proxy, "churn", "--duration", f"{SECONDS}s", "--connections", "64", *SOURCES)
    after = network_counters(stage.lab, "B")
    reloader.reload(written())
    grown = {name: after[name] - before[name] for name in ("TcpExt.ListenDrops", "TcpExt.ListenOverflows")}
    assert reloads.done >= SECONDS // 2
    assert grown == {"TcpExt.ListenDrops": 0, "TcpExt.ListenOverflows": 0}
    count = report["connections"]["finished"]
    tally.count(count)
    tally.note(f"{reloads.done} reloads, {count} connections, {report['connections']['per_second']:.0f} a second, "
               f"none refused, reset by us, or short of a byte")


def control_under_reloads(stage, peer, tally):
    proxy = stage.serve(peer, reloads=True)
    with Repetition(proxy.reload, pause=1.0) as reloads:
        report = run_bench(stage, proxy, "churn", "--duration", f"{SECONDS}s", "--connections", "64", *SOURCES, lenient=True)
    tally.count(report["connections"]["finished"])
    tally.note(f"{reloads.done} reloads, {report['connections']['per_second']:.0f} connections a second")


# D2

SESSIONS = sized(100, 500, 1000)
ROUNDS = sized(8, 20)


@pytest.mark.matrix("D2")
def test_long_sessions_outlive_twenty_reloads(stage, tally):
    """Half of them stream all the time, half are silent; each round also moves clients to another server, so that the sessions
    are on one that is not in the file any more."""
    first, second = stage.listen(), stage.listen()
    proxy, reloader, _ = served(stage, [first.address])
    here = proxy.addresses[0]
    texts = [text(stage, here, [one.address]) for one in (second, first)]

    async def script():
        pairs = []

        async def open_one(number):
            client = stage.connect(here)
            server = stage.keep(first.accept())
            pairs.append((client, server))
        for number in range(SESSIONS):
            await open_one(number)
        for client, server in pairs:
            exchange(client, server)
        loop = asyncio.get_running_loop()
        going = True

        async def stream(client, server, seed):
            piece = random.Random(seed).randbytes(8 << 10)
            client.setblocking(False)
            server.setblocking(False)
            moved = 0
            while going or moved == 0:
                await loop.sock_sendall(client, piece)
                got = b""
                while len(got) < len(piece):
                    more = await loop.sock_recv(server, 65536)
                    assert more, "ended by a reload"
                    got += more
                assert got == piece
                moved += 1
                await asyncio.sleep(0.05)
            client.setblocking(True)
            server.setblocking(True)
            return moved
        streams = [asyncio.ensure_future(stream(*pair, number)) for number, pair in enumerate(pairs[::2])]
        for number in range(ROUNDS):
            await asyncio.to_thread(reloader.reload, texts[number % 2])
            await asyncio.sleep(0.05)
        going = False
        moved = sum(await asyncio.gather(*streams))
        for client, server in pairs:
            exchange(client, server)
        return moved
    moved = asyncio.run(script())
    tally.count(SESSIONS)
    tally.note(f"{ROUNDS} reloads, {SESSIONS} sessions, {moved} messages by half of them meanwhile")


# D4

@pytest.mark.matrix("D4")
@pytest.mark.parametrize("what", ["syntax", "unknown key", "address in use", "missing address", "missing file", "unreadable"])
def test_a_reload_that_fails_changes_nothing(stage, tally, what):
    upstream = stage.listen()
    proxy, reloader, written = served(stage, [upstream.address])
    with stage.lab.inside("B"):
        taken = stage.keep(stage.listen(endpoint(stage.lab.address("B"), 0)))
    path = stage.lab.fresh_path(".sock")
    bad = {
        "syntax": written() + "\n  ]",
        "unknown key": written() + "\nworkerz: 3",
        "address in use": written(f'  - {{ name: n, bind: ["unix:{path}", "{taken.address}"], pool: web }}'),
        "missing address": written('  - { name: n, bind: ["192.0.2.77:80"], pool: web }'),
        "missing file": written(pool=", fallback_file: /nowhere/page.http"),
        "unreadable": None,
    }[what]
    client, server = stage.connect(proxy.addresses[0]), stage.keep(upstream.accept())
    exchange(client, server)
    descriptors = proxy.descriptors()
    for _ in range(sized(3, 20)):
        if bad is None:
            reloader.path.unlink(missing_ok=True)
            reloader.reload(outcome=FAILED)
        else:
            reloader.reload(bad, outcome=FAILED)
        assert not path.exists()
    assert proxy.descriptors() == descriptors, "a reload that failed has left something open"
    exchange(client, server)
    other, there = stage.connect(proxy.addresses[0]), stage.keep(upstream.accept())
    exchange(other, there)
    reloader.reload(written())
    exchange(client, server)
    tally.count()


@pytest.mark.matrix("D4")
def test_checking_a_file_beside_a_running_process_disturbs_nothing(stage, tally):
    upstream = stage.listen()
    proxy, reloader, written = served(stage, [upstream.address])
    client, server = stage.connect(proxy.addresses[0]), stage.keep(upstream.accept())
    for _ in range(5):
        done = stage.lab.run("B", [binary(), "check", "--config", reloader.path])
        assert "is good" in done.stdout
        exchange(client, server)
    assert reloader.count() == 0
    tally.count()


# D6

STORM = sized(100, 500)
SIGNALS = sized(1000, 10_000)


@pytest.mark.matrix("D6")
def test_a_storm_of_reloads_grows_nothing_and_the_last_file_wins(stage, tally):
    first, second = stage.listen(), stage.listen()
    proxy, reloader, _ = served(stage, [first.address])
    here = proxy.addresses[0]
    pairs = []
    for _ in range(sized(50, 200)):
        client = stage.connect(here)
        pairs.append((client, stage.keep(first.accept())))
        exchange(*pairs[-1])
    texts = [text(stage, here, [one.address]) for one in (second, first)]
    reloader.reload(texts[1])
    baseline = proxy.rss()
    began = time.monotonic()
    for number in range(STORM):
        reloader.reload(texts[number % 2])
    took = time.monotonic() - began
    grown = proxy.rss() / baseline
    assert grown <= 3, f"{grown:.1f} times the memory after {STORM} reloads"
    for pair in pairs:
        exchange(*pair)
    # Not waited for, one behind the other: what is written last is what is served.
    for number in range(50):
        reloader.write(texts[number % 2])
        proxy.process.signal(signal.SIGHUP)
    reloader.reload(texts[0])
    client = stage.connect(here)
    exchange(client, stage.keep(second.accept()))
    tally.count(STORM)
    tally.note(f"{STORM} reloads in {took:.1f} s, memory {grown:.2f} times what it was")


@pytest.mark.matrix("D6")
def test_a_storm_of_signals_ends_nothing(stage, tally):
    upstream = stage.listen()
    proxy, reloader, _ = served(stage, [upstream.address])
    client, server = stage.connect(proxy.addresses[0]), stage.keep(upstream.accept())
    drawn = random.Random(6)
    kinds = [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD, signal.SIGWINCH, signal.SIGPIPE,
             signal.SIGCONT]
    for number in range(SIGNALS):
        if number % 100 == 99:
            proxy.process.signal(signal.SIGSTOP)
            time.sleep(0.01)
            proxy.process.signal(signal.SIGCONT)
            exchange(client, server)
        else:
            proxy.process.signal(drawn.choice(kinds))
        time.sleep(0.001)
    reloader.reload()
    exchange(client, server)
    tally.count(SIGNALS)
