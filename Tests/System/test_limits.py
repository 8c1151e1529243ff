"""What one listener takes: connections, those of a client, and how fast a client may come."""

import contextlib
import time

import pytest

import records
from lab import endpoint
from peers import exchange, expect_fin, expect_reset, finish, reset
from test_clients import connect_from, is_refused, served
from test_configuration import serve


def bounded(stage, limits, process="", count=1, listener=None):
    """A listener with limits on `count` addresses, and one without."""
    listener = listener or stage.listen()
    here = endpoint(stage.lab.address("B"), 0)
    binds = ", ".join(f'"{here}"' for _ in range(count))
    proxy = serve(stage, f"""
workers: 2
{process}
listeners:
  - {{ name: bounded, bind: [{binds}], limits: {{ {limits} }} }}
  - {{ name: free, bind: ["{here}"] }}
pools: [{{ name: p, servers: ["{listener.address}"] }}]
""", count + 1)
    return type("Bridge", (), {"listener": listener, "proxy": proxy})


def test_all_addresses_and_workers_share_a_listeners_bound(stage):
    bridge = bounded(stage, "connections: 4", count=2)
    proxy = bridge.proxy
    first, second, free = proxy.addresses
    held = [served(stage, bridge, f"127.0.0.{number + 1}", (first, second)[number % 2]) for number in range(4)]
    for number, address in enumerate((first, second, first, second)):
        assert is_refused(stage, f"127.0.0.{10 + number}", address)
    # The other listener is not concerned.
    served(stage, bridge, "127.0.0.1", free)
    for client, server in held:
        exchange(client, server, b"not disturbed")
    proxy.counters_once(refused_at_listener_limit=4, refused_at_limit=0, active=5)
    # Whoever leaves makes room for one, however it leaves.
    client, server = held[0]
    finish(client)
    expect_fin(server)
    finish(server)
    expect_fin(client)
    reset(held[1][0])
    proxy.counters_once(active=3)
    for _ in range(2):
        held.append(served(stage, bridge, "127.0.0.1", second))
    assert is_refused(stage, "127.0.0.1", first)
    proxy.process.wait_for_output(r"WARNING a connection above its listener's limits\.connections was reset", 3)


def test_each_listener_counts_a_client_by_itself(stage):
    bridge = bounded(stage, "per_client: 2", "limits: { connections_per_client: 4 }")
    proxy = bridge.proxy
    limited, free = proxy.addresses
    for _ in range(2):
        held = served(stage, bridge, "127.0.0.1", limited)
    assert is_refused(stage, "127.0.0.1", limited)
    served(stage, bridge, "127.0.0.2", limited)
    # The process counts those of all listeners, and not those that were refused.
    for _ in range(2):
        served(stage, bridge, "127.0.0.1", free)
    assert is_refused(stage, "127.0.0.1", free)
    assert is_refused(stage, "127.0.0.1", limited)
    proxy.counters_once(refused_per_client_of_listener=1, refused_per_client=2, active=5)
    reset(held[0])
    proxy.counters_once(active=4)
    served(stage, bridge, "127.0.0.1", limited)
    assert is_refused(stage, "127.0.0.1", limited)


def test_a_client_that_comes_too_fast_is_reset_and_comes_again_later(stage):
    log = stage.lab.fresh_path(".access")
    # One token in 6 s, and ten at once: slower than any machine can be.
    bridge = bounded(stage, "rate_per_client: 10/m", f"access_log: {{ to: {log} }}")
    proxy = bridge.proxy
    limited, free = proxy.addresses
    began = time.monotonic()
    for _ in range(10):
        client, server = served(stage, bridge, "127.0.0.1", limited)
        finish(client)
        expect_fin(server)
        finish(server)
        expect_fin(client)
    assert is_refused(stage, "127.0.0.1", limited)
    spent = time.monotonic()
    assert spent - began < 6, "too slow a machine for this test"
    # A stranger, and another listener, are not concerned.
    served(stage, bridge, "127.0.0.2", limited)
    served(stage, bridge, "127.0.0.1", free)
    proxy.counters_once(refused_by_rate=1)
    assert [record["ended_by"] for record in records.wait_for(log, 11) if record["end"] == "rate"] == ["longsplice"]
    # Then one by one.
    time.sleep(max(0, began + 6.2 - time.monotonic()))
    served(stage, bridge, "127.0.0.1", limited)
    proxy.process.wait_for_output(r"WARNING a client that came faster than its listener's limits\.rate_per_client", 3)


def test_a_hammering_client_gets_its_rate_and_everything_is_counted(stage):
    echo = type("Echo", (), {"address": "echo"})
    proxy = bounded(stage, "rate_per_client: 20/s, connections: 1000, per_client: 1000", listener=echo).proxy
    knocks, began = 0, time.monotonic()
    while time.monotonic() < began + 2:
        knocks += 1
        with contextlib.suppress(ConnectionResetError):
            connect_from(stage, "127.0.0.1", proxy.addresses[0]).close()
    took = time.monotonic() - began
    counters = proxy.counters_once(active=0, accepted=knocks, closed=knocks)
    let_in = knocks - counters["refused_by_rate"]
    # Twenty at once, twenty in each second; the last one may have been looked at later.
    assert 20 <= let_in <= 20 + 20 * (took + 1)
    if knocks > 200:
        assert counters["refused_by_rate"] > 0


@pytest.mark.parametrize("limits", ["connections: 3", "per_client: 3", "connections: 3, per_client: 3"])
def test_who_is_refused_takes_no_place(stage, limits):
    bridge = bounded(stage, limits)
    address = bridge.proxy.addresses[0]
    held = [served(stage, bridge, "127.0.0.1", address) for _ in range(3)]
    for _ in range(5):
        assert is_refused(stage, "127.0.0.1", address)
    for client, _ in held:
        reset(client)
    bridge.proxy.counters_once(active=0)
    for _ in range(3):
        served(stage, bridge, "127.0.0.1", address)
    assert is_refused(stage, "127.0.0.1", address)


def test_limits_hold_for_unix_clients_as_far_as_they_can(stage):
    listener = stage.listen()
    path = stage.lab.fresh_path(".sock")
    proxy = serve(stage, f"""
workers: 2
listeners:
  - {{ name: l, bind: ["unix:{path}"], limits: {{ connections: 5, per_client: 1, rate_per_client: 1/m }} }}
pools: [{{ name: p, servers: ["{listener.address}"] }}]
""")
    for _ in range(5):
        client = stage.connect(proxy.addresses[0])
        exchange(client, stage.keep(listener.accept(5)))
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        expect_fin(stage.connect(proxy.addresses[0]))
    proxy.counters_once(refused_at_listener_limit=1, active=5)
