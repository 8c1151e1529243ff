"""Draining, signals, and counters that add up."""

import signal
import time

import pytest

from peers import echo, exchange, expect_fin, expect_reset, finish, read_exactly, serving
from processes import wait_until

END = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)


def wait_until_closed_to_newcomers(stage, proxy):
    """Looks instead of knocking: a knock might still be let in."""
    wait_until(lambda: proxy.port not in stage.lab.listening_ports("B"), 2, "the listener to close")


# Draining

@pytest.mark.matrix("D5")
@END
def test_draining_lets_sessions_finish_and_accepts_no_new_ones(stage, number):
    bridge = stage.bridge()
    proxy = bridge.proxy
    client, server = bridge.pair()
    exchange(client, server)
    proxy.signal(number)
    wait_until_closed_to_newcomers(stage, proxy)
    with pytest.raises(ConnectionRefusedError):
        stage.connect(proxy.addresses[0])
    time.sleep(0.3)
    assert proxy.alive(), "a session was cut off"
    exchange(client, server, b"still served" * 1000)
    finish(client)
    expect_fin(server)
    finish(server)
    expect_fin(client)
    assert proxy.wait(3) == 0


def test_draining_without_sessions_ends_at_once(stage):
    proxy = stage.bridge().proxy
    started = time.monotonic()
    proxy.signal(signal.SIGTERM)
    assert proxy.wait(5) == 0
    assert time.monotonic() - started < 2


@pytest.mark.matrix("D5", trials=10)
def test_draining_serves_what_waits_in_the_accept_queue(stage):
    """The kernel has already told these clients that they are connected."""
    bridge = stage.bridge()
    proxy = bridge.proxy
    with serving(bridge.listener, echo):
        proxy.signal(signal.SIGSTOP)
        clients = [stage.connect(proxy.addresses[0]) for _ in range(10)]
        for number, client in enumerate(clients):
            client.sendall(b"hello %d" % number)
            finish(client)
        proxy.signal(signal.SIGTERM)
        proxy.signal(signal.SIGCONT)
        for number, client in enumerate(clients):
            assert read_exactly(client, 7) == b"hello %d" % number
            expect_fin(client)
        assert proxy.wait(5) == 0


def test_draining_cuts_sessions_at_the_drain_timeout(stage):
    bridge = stage.bridge("--drain-timeout", "1s")
    client, server = bridge.pair()
    exchange(client, server)
    started = time.monotonic()
    bridge.proxy.signal(signal.SIGTERM)
    assert bridge.proxy.wait(5) == 0
    assert 0.9 <= time.monotonic() - started <= 2.5
    expect_reset(client)
    expect_reset(server)


@END
def test_a_second_signal_ends_at_once(stage, number):
    bridge = stage.bridge()
    client, server = bridge.pair()
    exchange(client, server)
    bridge.proxy.signal(number)
    wait_until_closed_to_newcomers(stage, bridge.proxy)
    started = time.monotonic()
    bridge.proxy.signal(number)
    bridge.proxy.wait(5)
    assert time.monotonic() - started < 1


def test_draining_removes_the_unix_socket(stage):
    path = stage.lab.fresh_path(".sock")
    proxy = stage.bridge(listen=f"unix:{path}").proxy
    assert path.exists()
    assert proxy.stop() == 0
    assert not path.exists()


# Counters

def test_the_counters_add_up(stage):
    bridge = stage.bridge()
    pairs = [bridge.pair() for _ in range(5)]
    for client, server in pairs:
        exchange(client, server, b"x" * 1000)
    for client, server in pairs[:3]:
        client.close()
        expect_fin(server)
        server.close()

    bridge.proxy.counters_once(
        accepted=5, closed=3, active=2, finished=3, bytes_up=5000, bytes_down=5000)


def test_statistics_are_logged_at_the_interval_asked_for(stage):
    proxy = stage.serve("echo", "--stats", "1s")
    lines_before = len(proxy.output().splitlines())
    time.sleep(3.5)
    lines = proxy.output().splitlines()[lines_before:]
    assert 2 <= len(lines) <= 5, lines
    assert all("active" in line for line in lines)


# Signals that must not hurt

def test_a_storm_of_usr1_signals_is_harmless(stage):
    bridge = stage.bridge()
    client, server = bridge.pair()
    for _ in range(300):
        bridge.proxy.signal(signal.SIGUSR1)
        exchange(client, server)
    exchange(client, server, b"calm again" * 100)


def test_sigpipe_does_not_end_the_proxy(stage):
    bridge = stage.bridge()
    client, server = bridge.pair()
    bridge.proxy.signal(signal.SIGPIPE)
    exchange(client, server)


def test_a_vanished_log_reader_does_not_end_the_proxy(stage):
    """Whoever read stderr is gone after the first line; writing to it is an error from then on."""
    wrapper = ["bash", "-c", 'exec "$@" 2> >(sed "/listening on/q")', "-"]
    bridge = stage.bridge(wrapper=wrapper)
    bridge.proxy.is_mute = True
    client, server = bridge.pair()
    for _ in range(3):
        bridge.proxy.signal(signal.SIGUSR1)
        time.sleep(0.1)
        exchange(client, server)


def test_stopping_and_continuing_loses_nothing(stage):
    bridge = stage.bridge()
    client, server = bridge.pair()
    bridge.proxy.signal(signal.SIGSTOP)
    client.sendall(b"a" * 100_000)
    bridge.proxy.signal(signal.SIGCONT)
    assert read_exactly(server, 100_000) == b"a" * 100_000
