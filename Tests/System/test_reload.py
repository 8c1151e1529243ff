"""SIGHUP: what stays, what changes, and what is said about it. Reloads under load are in the matrix (D1, D2, D4, D6)."""

import contextlib
import re
import signal
import struct
import sys
from pathlib import Path

import backend
import records
from lab import endpoint
from peers import exchange, expect_reset
from reloads import FAILED, Reloader


def serve(stage, text, count=1, *flags):
    path = stage.lab.fresh_path(".yaml")
    path.write_text(f"engine: {stage.engine}\nworkers: 2\n{text}")
    proxy = stage.serve([], *flags, listen=["-"] * count, config=path)
    reloader = Reloader(proxy, path)
    return proxy, reloader, lambda text: reloader.reload(f"engine: {stage.engine}\nworkers: 2\n{text}")


def one(stage, servers, listener="", pool=""):
    here = endpoint(stage.lab.address("B"), 0)
    return f"""
listeners: [{{ name: l, bind: ["{here}"]{listener} }}]
pools: [{{ name: p, servers: {servers}{pool} }}]
"""


def served_by(stage, proxy, listener, number=0):
    client = stage.connect(proxy.addresses[number])
    server = stage.keep(listener.accept())
    exchange(client, server)
    return client, server


def test_what_changed_is_said(stage):
    first, second = stage.listen(), stage.listen()
    proxy, _, reload = serve(stage, one(stage, f'["{first.address}"]'))
    pair = served_by(stage, proxy, first)
    reload(one(stage, f'["{second.address}"]', ", deny: [192.0.2.1]", ", timeouts: { idle: 5m }"))
    said = proxy.output()
    for sentence in (f"pool p: server {second.address} is added",
                     f"pool p: server {first.address} is removed, 1 connection goes on",
                     "pool p has other rules", "listener l takes and routes clients by other rules"):
        assert sentence in said, sentence
    assert re.search(r"reloaded .*generation=2", said)
    exchange(*pair)
    served_by(stage, proxy, second)
    exchange(*pair)


def test_who_may_come_changes_for_those_who_come(stage):
    upstream = stage.listen()
    proxy, _, reload = serve(stage, one(stage, f'["{upstream.address}"]'))
    pair = served_by(stage, proxy, upstream)
    reload(one(stage, f'["{upstream.address}"]', ", deny: [0.0.0.0/0]"))
    with contextlib.suppress(ConnectionResetError):
        expect_reset(stage.connect(proxy.addresses[0]))
    exchange(*pair)
    reload(one(stage, f'["{upstream.address}"]'))
    served_by(stage, proxy, upstream)
    exchange(*pair)


def test_a_server_that_is_down_stays_down_over_a_reload(stage):
    """Its checks have just begun anew, and nobody is sent to it meanwhile."""
    host, port = stage.lab.address("C"), stage.lab.free_port("C")
    stage.start("C", [sys.executable, Path(backend.__file__), host, port, "g"])
    stage.lab.wait_port("C", port)
    bad = endpoint(host, stage.lab.free_port("C"))
    checked = ", balance: first, health: { interval: %s, fall: 2 }"
    servers = f'["{bad}", "{endpoint(host, port)}"]'
    proxy, _, reload = serve(stage, one(stage, servers, pool=checked % "200ms"))
    proxy.process.wait_for_output(f"server {bad} is down")
    for interval in ("200ms", "1h"):
        reload(one(stage, servers, pool=checked % interval))
        for _ in range(4):
            client = stage.connect(proxy.addresses[0])
            client.sendall(struct.pack("!Ic", 0, b"e"))
            assert client.recv(1) == b"g"
        assert proxy.counters().get("connect_refused", 0) == 0
    assert proxy.output().count(f"server {bad} is down") == 1


def test_records_name_who_was_there_when_they_came(stage):
    first, second = stage.listen(), stage.listen()
    log = stage.lab.fresh_path(".log")
    proxy, _, reload = serve(stage, f"access_log: {{ to: {log} }}" + one(stage, f'["{first.address}"]'))
    old = served_by(stage, proxy, first)
    reload(f"access_log: {{ to: {log} }}" + one(stage, f'["{second.address}"]'))
    new = served_by(stage, proxy, second)
    for pair in (old, new):
        for end in pair:
            end.close()
    named = [record["upstream"] for record in records.wait_for(log, 2)]
    assert sorted(named) == sorted([first.address, second.address])


def test_keys_that_need_a_restart_are_named_and_stay(stage):
    upstream = stage.listen()
    proxy, reloader, reload = serve(stage, one(stage, f'["{upstream.address}"]'))
    reloader.reload(f"engine: {stage.engine}\nworkers: 1\nspin_micros: 0\n" + one(stage, f'["{upstream.address}"]'))
    for key in ("workers", "spin_micros"):
        assert f"{key} stays as it was until the process is restarted" in proxy.output()
    served_by(stage, proxy, upstream)


def test_flags_cannot_be_read_again(stage):
    bridge = stage.bridge()
    pair = bridge.pair()
    bridge.proxy.process.signal(signal.SIGHUP)
    bridge.proxy.process.wait_for_output(FAILED)
    assert "the configuration was given by flags; start with --config FILE to reload it" in bridge.proxy.output()
    exchange(*pair)


def test_who_drains_does_not_reload(stage):
    upstream = stage.listen()
    proxy, reloader, _ = serve(stage, one(stage, f'["{upstream.address}"]'))
    client, server = served_by(stage, proxy, upstream)
    proxy.signal(signal.SIGTERM)
    proxy.process.wait_for_output("draining")
    reloader.reload(outcome=FAILED)
    exchange(client, server)
    client.close()
    server.close()
    assert proxy.wait() == 0
