"""limits.bandwidth_per_connection: how fast the bytes of each direction may go."""

import hashlib
import random
import threading
import time

import pytest

from lab import endpoint
from peers import expect_fin, expect_reset, finish, reset
from test_configuration import serve

MIB = 1 << 20
RELAYS = ["copy", "splice", "adaptive"]


def paced(stage, bandwidth, relay="adaptive", timeouts=""):
    listener = stage.listen()
    here = endpoint(stage.lab.address("B"), 0)
    proxy = serve(stage, f"""
workers: 1
relay: {relay}
listeners:
  - {{ name: slow, bind: ["{here}"], limits: {{ bandwidth_per_connection: {bandwidth} }} }}
  - {{ name: free, bind: ["{here}"] }}
pools: [{{ name: p, servers: ["{listener.address}"]{timeouts} }}]
""", 2)
    return proxy, listener


def pair(stage, proxy, listener, number=0):
    client = stage.connect(proxy.addresses[number], 60)
    server = stage.keep(listener.accept(5))
    server.settimeout(60)
    return client, server


def send_all(sock, data):
    sock.sendall(data)
    finish(sock)


def receive_all(sock):
    """What came, and how long that took from the first byte to the end of the stream."""
    digest, count, began = hashlib.sha256(), 0, None
    while part := sock.recv(1 << 18):
        began = began or time.monotonic()
        digest.update(part)
        count += len(part)
    return digest.digest(), count, time.monotonic() - (began or time.monotonic())


def carry(streams):
    """Sends every stream at the same time; what each receiver got, and in which time."""
    results = [None] * len(streams)

    def receive(index, sock):
        results[index] = receive_all(sock)

    threads = []
    for index, (source, sink, data) in enumerate(streams):
        threads.append(threading.Thread(target=send_all, args=(source, data), daemon=True))
        threads.append(threading.Thread(target=receive, args=(index, sink), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for (_, _, data), result in zip(streams, results):
        assert result, "a stream did not come to its end"
        assert result[:2] == (hashlib.sha256(data).digest(), len(data))
    return [result[2] for result in results]


@pytest.mark.parametrize("relay, rate", [("copy", 12), ("splice", 12), ("adaptive", 12), ("adaptive", 1)])
def test_each_direction_has_the_rate_of_the_listener(stage, relay, rate):
    proxy, listener = paced(stage, f"{rate}MiB/s", relay)
    seconds = 3
    shares = []
    # A machine that is busy may be slower than asked for, now and then; faster is never right.
    for _ in range(4):
        client, server = pair(stage, proxy, listener)
        up, down = random.randbytes(seconds * rate * MIB), random.randbytes(seconds * rate * MIB)
        took = carry([(client, server, up), (server, client, down)])
        shares = [seconds / each for each in took]
        assert max(shares) < 1.1, f"faster than {rate} MiB/s: {shares}"
        if min(shares) > 0.9:
            break
    assert min(shares) > 0.9, f"slower than {rate} MiB/s: {shares}"
    proxy.counters_once(active=0)


@pytest.mark.parametrize("relay", RELAYS)
def test_a_pause_is_no_silence_and_fin_waits_for_the_last_byte(stage, relay):
    """Each chunk is paid for by a pause that is longer than the idle timeout."""
    proxy, listener = paced(stage, "8KiB/s", relay, ", timeouts: { idle: 500ms, fin: 500ms }")
    client, server = pair(stage, proxy, listener)
    data = random.randbytes(40 << 10)
    [took] = carry([(client, server, data)])
    assert took > 2
    finish(server)
    expect_fin(client)
    proxy.counters_once(active=0, finished=1, idle_timeout=0, fin_timeout=0)


def test_connections_do_not_share_a_rate_and_other_listeners_have_none(stage):
    proxy, listener = paced(stage, "2MiB/s")
    streams = []
    for _ in range(8):
        client, server = pair(stage, proxy, listener)
        streams.append((client, server, random.randbytes(4 * MIB)))
    client, server = pair(stage, proxy, listener, 1)
    streams.append((client, server, random.randbytes(64 * MIB)))
    *slow, free = carry(streams)
    assert min(slow) > 1.7
    assert free < 32, "as slow as if it were bounded"
    for _, server, _ in streams:
        server.close()


@pytest.mark.parametrize("relay", RELAYS)
def test_who_is_lost_during_a_pause_is_noticed_and_a_drain_ends(stage, relay):
    proxy, listener = paced(stage, "64KiB/s", relay)
    client, server = pair(stage, proxy, listener)
    client.sendall(random.randbytes(128 << 10))
    assert server.recv(1)
    reset(server)
    expect_reset(client, 10)
    client, server = pair(stage, proxy, listener)
    client.sendall(random.randbytes(64 << 10))
    assert server.recv(1)
    reset(client)
    server.settimeout(10)
    with pytest.raises(ConnectionResetError):
        while server.recv(1 << 16):
            pass
    proxy.counters_once(active=0)
    # A drain waits for what is paced.
    client, server = pair(stage, proxy, listener)
    data = random.randbytes(96 << 10)
    client.sendall(data)
    proxy.signal(15)
    finish(client)
    assert receive_all(server)[1] == len(data)
    finish(server)
    expect_fin(client)
    assert proxy.wait() == 0


def test_a_paced_connection_costs_no_processor(stage):
    proxy, listener = paced(stage, "64KiB/s")
    client, server = pair(stage, proxy, listener)
    thread = threading.Thread(target=send_all, args=(client, bytes(256 << 10)), daemon=True)
    thread.start()
    server.recv(1)
    before = proxy.cpu_seconds()
    time.sleep(2)
    assert proxy.cpu_seconds() - before < 0.4
    assert receive_all(server)[1] == (256 << 10) - 1
    finish(server)
    thread.join(10)
