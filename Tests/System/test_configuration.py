"""Serving by a configuration file: what each of its keys does, seen from outside."""

import contextlib
import os
import time

import pytest

import records
from lab import endpoint
from peers import exchange, expect_fin, expect_reset, finish, reset, time_until_reset
from processes import wait_until
from proxies import binary
from test_clients import is_refused, served
from test_fallback import PAGE, answer_to, page
from test_upstreams import refusing, silent, time_until_closed

GOOD = """
listeners: [{ name: l, bind: ["127.0.0.1:0"] }]
pools: [{ name: p, servers: [echo, "127.0.0.1:1-3"] }]
"""


def written(stage, text):
    path = stage.lab.fresh_path(".yaml")
    path.write_text(text)
    return path


def serve(stage, text, count=1, *flags, **options):
    """A proxy by a file; `count` addresses are listened on."""
    return stage.serve([], *flags, listen=["-"] * count, config=written(stage, f"engine: {stage.engine}\n{text}"),
                       **options)


def one_pool(stage, pool, listener="", process=""):
    here = endpoint(stage.lab.address("B"), 0)
    return serve(stage, f"""
workers: 1
{process}
listeners:
  - {{ name: only, bind: ["{here}"]{listener} }}
pools:
  - name: only
{pool}
""")


def server_of(stage, proxy, listeners, number=0):
    """Which of the listeners a new client is joined to; both ends stay open."""
    client = stage.connect(proxy.addresses[number])
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for index, listener in enumerate(listeners):
            with contextlib.suppress(TimeoutError, BlockingIOError):
                server = stage.keep(listener.accept(0.02))
                exchange(client, server)
                return index
    raise AssertionError("no server was connected")


# What it serves

def test_two_listeners_lead_to_their_own_pools(stage):
    first, second = stage.listen(), stage.listen()
    here = endpoint(stage.lab.address("B"), 0)
    proxy = serve(stage, f"""
workers: 2
listeners:
  - {{ name: a, bind: ["{here}", "{here}"], pool: one }}
  - {{ name: b, bind: ["{here}"], pool: two }}
pools:
  - {{ name: two, servers: ["{second.address}"] }}
  - {{ name: one, servers: ["{first.address}"] }}
""", 3)
    assert [server_of(stage, proxy, [first, second], number) for number in (0, 1, 2)] == [0, 0, 1]


def test_a_range_of_ports_is_listened_on_and_connected_to(stage):
    # Ports that no client of another test can have had.
    base = 701
    listeners = [stage.listen(endpoint(stage.lab.address("C"), base + 10 + n)) for n in range(3)]
    host, there = stage.lab.address("B"), stage.lab.address("C")
    proxy = serve(stage, f"""
workers: 1
listeners: [{{ name: l, bind: ["{host}:{base}-{base + 1}"] }}]
pools: [{{ name: p, servers: ["{there}:{base + 10}-{base + 12}"] }}]
""", 2)
    assert [address.rpartition(":")[2] for address in proxy.addresses] == [str(base), str(base + 1)]
    assert sorted(server_of(stage, proxy, listeners, n % 2) for n in range(6)) == [0, 0, 1, 1, 2, 2]


def test_variables_are_those_of_the_environment(stage):
    listener = stage.listen()
    os.environ["LONGSPLICE_TEST_UPSTREAM"] = listener.address
    try:
        proxy = one_pool(stage, '    servers: ["${LONGSPLICE_TEST_UPSTREAM}"]')
    finally:
        del os.environ["LONGSPLICE_TEST_UPSTREAM"]
    assert server_of(stage, proxy, [listener]) == 0


# What its keys do

def test_clients_come_and_go_by_their_addresses(stage):
    first, second = stage.listen(), stage.listen()
    here = stage.lab.address("A")
    proxy = serve(stage, f"""
workers: 2
listeners:
  - {{ name: allowed, bind: ["{endpoint(stage.lab.address("B"), 0)}"], allow: ["{here}"], pool: one }}
  - {{ name: not-allowed, bind: ["{endpoint(stage.lab.address("B"), 0)}"], allow: [192.0.2.0/24, "2001:db8::/32"], pool: one }}
  - {{ name: denied, bind: ["{endpoint(stage.lab.address("B"), 0)}"], deny: ["{here}"], pool: one }}
  - name: routed
    bind: ["{endpoint(stage.lab.address("B"), 0)}"]
    routes: [{{ source: [192.0.2.0/24], pool: one }}, {{ source: ["{here}"], pool: two }}, {{ reject: true }}]
  - name: unrouted
    bind: ["{endpoint(stage.lab.address("B"), 0)}"]
    routes: [{{ source: [192.0.2.0/24], pool: one }}]
pools:
  - {{ name: one, servers: ["{first.address}"] }}
  - {{ name: two, servers: ["{second.address}"] }}
""", 5)
    assert server_of(stage, proxy, [first, second], 0) == 0
    assert server_of(stage, proxy, [first, second], 3) == 1
    for number in (1, 2, 4):
        with contextlib.suppress(ConnectionResetError):
            expect_reset(stage.connect(proxy.addresses[number]))
    proxy.counters_once(refused_by_address=3, tied=2)


def test_who_may_not_come_is_in_the_access_log(stage):
    log = stage.lab.fresh_path(".access")
    proxy = one_pool(stage, "    servers: [echo]", ", deny: [0.0.0.0/0]", f"access_log: {{ to: {log} }}")
    with contextlib.suppress(ConnectionResetError):
        expect_reset(stage.connect(proxy.addresses[0]))
    record = records.wait_for(log, 1)[0]
    assert (record["end"], record["ended_by"], record["attempts"]) == ("denied", "longsplice", 0)


def test_a_server_that_fails_is_left_out_and_taken_back(stage):
    good, dead = stage.listen(), refusing(stage)
    proxy = one_pool(stage, f"""
    balance: first
    servers: ["{dead}", "{good.address}"]
    eject: {{ after_failures: 2, for: 1s }}""")
    for _ in range(20):
        assert server_of(stage, proxy, [good]) == 0
    counters = proxy.counters()
    assert counters["connect_refused"] < 10 and counters["ejections"] >= 1
    wait_until(lambda: f"server {dead} is left out, for " in proxy.output(), 5)
    back = stage.listen(dead)
    wait_until(lambda: server_of(stage, proxy, [back, good]) == 0, 10)
    wait_until(lambda: f"server {dead} can be connected again" in proxy.output(), 5)


@pytest.mark.parametrize("at_most, left_out", [("1%", 1), ("50%", 1), ("100%", 2)])
def test_so_much_of_a_pool_is_left_out_at_most(stage, at_most, left_out):
    """And one always."""
    dead = [refusing(stage), refusing(stage)]
    proxy = one_pool(stage, f"""
    balance: first
    servers: ["{dead[0]}", "{dead[1]}"]
    eject: {{ after_failures: 1, for: 1m, at_most: {at_most} }}""")
    for _ in range(4):
        with contextlib.suppress(ConnectionResetError):
            expect_reset(stage.connect(proxy.addresses[0]))
    wait_until(lambda: proxy.counters()["closed"] == 4, 5)
    assert proxy.counters()["ejections"] == left_out


def test_weights_share_connections(stage):
    light, heavy = stage.listen(), stage.listen()
    proxy = one_pool(stage, f"""
    servers: ["{light.address}", {{ address: "{heavy.address}", weight: 3 }}]""")
    assert sum(server_of(stage, proxy, [light, heavy]) for _ in range(12)) == 9


def test_a_backup_is_connected_only_when_nothing_else_is(stage):
    where = refusing(stage)
    backup = stage.listen()
    proxy = one_pool(stage, f"""
    servers: [{{ address: "{backup.address}", backup: true }}, "{where}"]""")
    assert server_of(stage, proxy, [backup]) == 0
    primary = stage.listen(where)
    assert [server_of(stage, proxy, [primary, backup]) for _ in range(4)] == [0] * 4


def test_balance_first_keeps_to_the_first(stage):
    listeners = [stage.listen() for _ in range(3)]
    servers = ", ".join(f'"{listener.address}"' for listener in listeners)
    proxy = one_pool(stage, f"    balance: first\n    servers: [{servers}]")
    assert [server_of(stage, proxy, listeners) for _ in range(4)] == [0] * 4


def test_balance_by_source_keeps_a_client_where_it_is(stage):
    listeners = [stage.listen() for _ in range(3)]
    servers = ", ".join(f'"{listener.address}"' for listener in listeners)
    proxy = one_pool(stage, f"    balance: source_hash\n    servers: [{servers}]")
    assert len({server_of(stage, proxy, listeners) for _ in range(6)}) == 1


def test_balance_by_connections_fills_up_who_has_fewest(stage):
    first, second = stage.listen(), stage.listen()
    proxy = one_pool(stage, f'    balance: least_connections\n    servers: ["{first.address}", "{second.address}"]')
    clients = [stage.connect(proxy.addresses[0]) for _ in range(4)]
    servers = [stage.keep(listener.accept(5)) for listener in (first, second) for _ in range(2)]
    # A server's reset that comes before its connection is seen is one more refusal, and the client goes elsewhere.
    proxy.counters_once(tied=4)
    # All of the first server's end; the next two go there.
    for server in servers[:2]:
        reset(server)
    proxy.counters_once(active=2)
    assert [server_of(stage, proxy, [first, second]) for _ in range(2)] == [0, 0]
    assert clients


@pytest.mark.parametrize("retries, attempts", [(0, 1), (1, 2), (None, 3)])
def test_retries_bound_the_servers_that_are_tried(stage, retries, attempts):
    servers = ", ".join(f'"{refusing(stage)}"' for _ in range(3))
    connect = "" if retries is None else f"\n    connect: {{ retries: {retries} }}"
    log = stage.lab.fresh_path(".access")
    proxy = one_pool(stage, f"    servers: [{servers}]{connect}", process=f"access_log: {{ to: {log} }}")
    with contextlib.suppress(ConnectionResetError):
        expect_reset(stage.connect(proxy.addresses[0]))
    assert records.wait_for(log, 1)[0]["attempts"] == attempts


def test_the_connect_timeout_is_the_pools(wide_stage):
    proxy = one_pool(wide_stage, f"""
    servers: ["{silent(wide_stage)}"]
    connect: {{ timeout: 300ms }}""")
    client = wide_stage.connect(proxy.addresses[0])
    client.sendall(b"anybody there?")
    assert 0.2 <= time_until_closed(client) <= 1.5


def test_each_pool_has_timeouts_of_its_own(stage):
    here, listener = endpoint(stage.lab.address("B"), 0), stage.listen()
    proxy = serve(stage, f"""
listeners:
  - {{ name: a, bind: ["{here}"], pool: hasty }}
  - {{ name: b, bind: ["{here}"], pool: calm }}
  - {{ name: c, bind: ["{here}"], pool: half }}
pools:
  - {{ name: hasty, servers: ["{listener.address}"], timeouts: {{ idle: 300ms }} }}
  - {{ name: calm, servers: ["{listener.address}"] }}
  - {{ name: half, servers: ["{listener.address}"], timeouts: {{ fin: 300ms }} }}
""", 3)
    pairs = []
    for address in proxy.addresses:
        client = stage.connect(address)
        pairs.append((client, stage.keep(listener.accept(5))))
    finish(pairs[2][0])
    expect_fin(pairs[2][1])
    assert time_until_reset(pairs[0][0], 3) < 2
    expect_reset(pairs[2][1], 3)
    time.sleep(0.3)
    exchange(*pairs[1])


def test_connections_come_from_the_sources_in_turns(stage):
    listener = stage.listen("127.0.0.1:0")
    proxy = one_pool(stage, f"""
    servers: ["{listener.address}"]
    connect: {{ source: [127.0.0.7, 127.0.0.8] }}""")
    seen = []
    for _ in range(4):
        stage.connect(proxy.addresses[0])
        seen.append(stage.keep(listener.accept(5)).getpeername()[0])
    assert sorted(seen) == ["127.0.0.7", "127.0.0.7", "127.0.0.8", "127.0.0.8"]


def test_each_pool_has_a_fallback_file_of_its_own(stage):
    here = endpoint(stage.lab.address("B"), 0)
    proxy = serve(stage, f"""
listeners:
  - {{ name: a, bind: ["{here}"], pool: answered }}
  - {{ name: b, bind: ["{here}"], pool: reset }}
pools:
  - {{ name: reset, servers: ["{refusing(stage)}"] }}
  - {{ name: answered, servers: ["{refusing(stage)}"], fallback_file: {page(stage)} }}
""", 2)
    assert answer_to(stage, proxy) == PAGE
    with contextlib.suppress(ConnectionResetError):
        expect_reset(stage.connect(proxy.addresses[1]))


def test_limits_bound_connections_and_those_of_a_client(stage):
    listener = stage.listen()
    proxy = one_pool(stage, f'    servers: ["{listener.address}"]',
                     process="limits: { connections: 3, connections_per_client: 2 }")
    bridge = type("Bridge", (), {"listener": listener, "proxy": proxy})
    for _ in range(2):
        served(stage, bridge, "127.0.0.1", proxy.addresses[0])
    assert is_refused(stage, "127.0.0.1", proxy.addresses[0])
    served(stage, bridge, "127.0.0.2", proxy.addresses[0])
    # The fourth waits.
    stage.connect(proxy.addresses[0])
    with pytest.raises(TimeoutError):
        listener.accept(0.3)
    proxy.process.wait_for_output(r"at most 3 connections at a time, bound by limits\.connections$")
    proxy.process.wait_for_output("a connection above limits.connections_per_client was reset ", 3)


def test_each_listener_has_a_backlog_of_its_own(stage):
    here = endpoint(stage.lab.address("B"), 0)
    proxy = serve(stage, f"""
workers: 1
listeners:
  - {{ name: a, bind: ["{here}"], backlog: 7 }}
  - {{ name: b, bind: ["{here}"], backlog: 11 }}
pools: [{{ name: p, servers: [echo] }}]
""", 2)
    said = stage.lab.run("B", ["ss", "-Hltn"]).stdout
    queues = {line.split()[3]: int(line.split()[2]) for line in said.splitlines()}
    assert [queues[address] for address in proxy.addresses] == [7, 11]


def test_the_access_log_and_statistics_are_written(stage):
    log = stage.lab.fresh_path(".access")
    proxy = one_pool(stage, "    servers: [echo]",
                     process=f"access_log: {{ to: {log}, format: text }}\nlog: {{ stats: 100ms, format: json }}")
    stage.connect(proxy.addresses[0]).close()
    wait_until(lambda: log.exists() and "ended_by=" in log.read_text(), 5, "a record")
    proxy.process.wait_for_output('"message":"rates"')
    proxy.is_mute = True


def test_the_drain_timeout_is_the_files(stage):
    proxy = one_pool(stage, "    servers: [echo]", process="drain_timeout: 300ms")
    client = stage.connect(proxy.addresses[0])
    exchange_with_echo(client)
    started = time.monotonic()
    proxy.signal(15)
    assert proxy.wait(5) == 0
    assert 0.2 < time.monotonic() - started < 3


def exchange_with_echo(client):
    client.sendall(b"ping")
    assert client.recv(10) == b"ping"


def test_the_example_serves(stage):
    example = stage.lab.run("B", [binary(), "config", "--example"]).stdout
    # Ports that no client of another test can have had.
    example = example.replace("1:8443", "1:443").replace("]:8443", "]:443").replace(":8000-8003", ":800-803")
    proxy = stage.serve([], listen=["-"] * 6,
                        config=written(stage, example.replace("engine: auto", f"engine: {stage.engine}")))
    assert [address.rpartition(":")[2] for address in proxy.addresses] == ["443", "443", "800", "801", "802", "803"]
    exchange_with_echo(stage.connect(proxy.addresses[3]))


def test_the_logs_flags_go_with_a_file_and_before_it(stage):
    proxy = serve(stage, "log: { format: text, level: error }\n" + GOOD, 1, "--log-format", "json",
                  "--log-level", "info")
    assert '"message":"listening on ' in proxy.output()
    proxy.is_mute = True


def test_a_pool_without_a_listener_is_warned_of(stage):
    proxy = serve(stage, GOOD.replace("127.0.0.1:0\"]", "127.0.0.1:0\"], pool: p").replace(
        "pools: [", "pools: [{ name: spare, servers: [echo] }, "))
    assert "WARNING" in proxy.output() and "spare: warning: is a pool that no listener names" in proxy.output()
