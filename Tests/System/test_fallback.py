"""--fallback-file: what clients get for whom no upstream can be connected."""

import socket
import time
from pathlib import Path

import pytest

import records
from lab import endpoint
from peers import exchange, expect_reset, finish, reset, together
from processes import wait_until
from proxies import binary
from sizes import KiB, MiB, sized
from test_upstreams import refusing, silent

BODY = "<h1>Back soon</h1>\n" * 200
PAGE = (f"HTTP/1.1 503 Service Unavailable\r\nContent-Length: {len(BODY)}\r\n"
        f"Connection: close\r\n\r\n{BODY}").encode()


def page(stage, content=PAGE):
    path = stage.lab.fresh_path(".page")
    path.write_bytes(content)
    return path


def replace(path, content):
    """As a deployment does it: whole at once."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.rename(path)


def everything(sock):
    parts = []
    while part := sock.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def answer_to(stage, proxy, said=b""):
    """What a client gets that says something and ends when it has been answered."""
    client = stage.connect(proxy.addresses[0])
    client.sendall(said)
    got = everything(client)
    client.close()
    return got


def test_a_route_may_lead_to_a_page(stage):
    """Each with its own; clients of the other routes are served."""
    upstream, here, host = stage.listen(), endpoint(stage.lab.address("B"), 0), stage.lab.address("A")
    first, second = page(stage), page(stage, b"another page")
    config = stage.lab.fresh_path(".yaml")
    config.write_text(f"""
engine: {stage.engine}
listeners:
  - {{ name: a, bind: ["{here}"], routes: [{{ source: ["{host}"], fallback_file: {first} }}, {{ pool: p }}] }}
  - {{ name: b, bind: ["{here}"], routes: [{{ source: [192.0.2.0/24], pool: p }}, {{ fallback_file: {second} }}] }}
  - {{ name: c, bind: ["{here}"], routes: [{{ source: [192.0.2.0/24], fallback_file: {second} }}, {{ pool: p }}] }}
pools: [{{ name: p, servers: ["{upstream.address}"] }}]
""")
    proxy = stage.serve([], listen=["-"] * 3, config=config)
    for number, expected in enumerate([PAGE, b"another page"]):
        client = stage.connect(proxy.addresses[number])
        assert everything(client) == expected
    client, server = stage.connect(proxy.addresses[2]), stage.keep(upstream.accept())
    exchange(client, server)


def test_curl_is_shown_the_page(stage):
    proxy = stage.serve(refusing(stage), "--fallback-file", page(stage))
    url = f"http://{proxy.addresses[0]}/some/where"
    for extra in ([], ["--data-binary", "x" * 100_000], ["--http1.0"]):
        shown = stage.lab.run("A", ["curl", "-sS", "--max-time", "10", "-w", "%{http_code}", *extra, url]).stdout
        assert shown == BODY + "503"
    proxy.counters_once(answered=3, connect_failed=3, active=0)


def test_the_example_is_a_response(stage):
    example = Path(__file__).resolve().parents[2] / "deploy" / "503.http"
    proxy = stage.serve(refusing(stage), "--fallback-file", example)
    shown = stage.lab.run("A", ["curl", "-sSi", "--max-time", "10", f"http://{proxy.addresses[0]}/"]).stdout
    assert shown.startswith("HTTP/1.1 503 ") and shown.endswith("in a minute.</p>\n")


def test_the_page_comes_after_every_upstream_has_been_tried(stage):
    upstreams = [refusing(stage) for _ in range(3)]
    proxy = stage.serve(upstreams, "--fallback-file", page(stage))
    assert answer_to(stage, proxy) == PAGE
    proxy.counters_once(answered=1, connect_attempts=3, active=0)


def test_silence_is_answered_after_the_connect_timeout(wide_stage):
    path = page(wide_stage)
    proxy = wide_stage.serve(silent(wide_stage), "--fallback-file", path, "--connect-timeout", "300ms")
    assert answer_to(wide_stage, proxy, b"anybody there?") == PAGE


def test_who_has_an_upstream_sees_no_page(stage):
    bridge = stage.bridge("--fallback-file", page(stage))
    client, server = bridge.pair()
    server.sendall(b"mine")
    server.close()
    assert everything(client) == b"mine"
    client.close()
    assert bridge.proxy.counters_once(closed=1, active=0)["answered"] == 0


def test_the_upstream_is_used_again_once_it_is_there(stage):
    where = refusing(stage)
    proxy = stage.serve(where, "--fallback-file", page(stage))
    assert answer_to(stage, proxy) == PAGE
    listener = stage.listen(where)
    client = stage.connect(proxy.addresses[0])
    server = stage.keep(listener.accept())
    client.sendall(b"at last")
    assert server.recv(100) == b"at last"
    client.close()
    server.close()


def test_each_relay_and_family_answers(wide_stage):
    for relay in ("splice", "copy", "adaptive"):
        listen = endpoint(wide_stage.lab.address("B", 6), 0)
        proxy = wide_stage.serve(refusing(wide_stage), "--fallback-file", page(wide_stage), "--relay", relay,
                                 listen=listen)
        assert answer_to(wide_stage, proxy, b"x" * 10_000) == PAGE


def test_the_access_log_tells_of_it(stage):
    log = stage.lab.fresh_path(".access")
    proxy = stage.serve(refusing(stage), "--fallback-file", page(stage), "--access-log", log)
    assert answer_to(stage, proxy, b"x" * 1000) == PAGE
    record = records.wait_for(log, 1)[0]
    assert (record["end"], record["ended_by"]) == ("refused", "upstream")
    assert (record["bytes_up"], record["bytes_down"], record["attempts"]) == (0, len(PAGE), 1)
    assert record["first_byte_ms"] is not None and record["connect_ms"] is None


# Clients of all kinds

def test_a_slow_reader_gets_all_of_a_large_page_while_others_are_served(stage):
    large = bytes(range(256)) * (8 * MiB // 256)
    proxy = stage.serve(refusing(stage), "--fallback-file", page(stage, large))
    slow = stage.connect(proxy.addresses[0])
    slow.sendall(b"x" * 100_000)
    time.sleep(0.3)
    for _ in range(5):
        assert answer_to(stage, proxy) == large
    assert everything(slow) == large


def test_a_client_that_talks_on_gets_the_page_and_no_reset_before_its_end(stage):
    proxy = stage.serve(refusing(stage), "--fallback-file", page(stage))
    client = stage.connect(proxy.addresses[0])
    for _ in range(50):
        client.sendall(b"x" * 100_000)
    assert everything(client) == PAGE
    for _ in range(50):
        client.sendall(b"x" * 100_000)
    finish(client)
    counters = proxy.counters_once(closed=1, active=0)
    assert counters["bytes_discarded"] == 10_000_000 and counters["bytes_dropped"] == 0


def test_a_client_that_talks_without_end_is_left_after_the_fin_timeout(stage):
    proxy = stage.serve(refusing(stage), "--fallback-file", page(stage), "--fin-timeout", "1s")
    client = stage.connect(proxy.addresses[0])
    started = time.monotonic()
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        while time.monotonic() - started < 10:
            client.sendall(b"x" * 1000)
            time.sleep(0.01)
    assert 0.9 <= time.monotonic() - started < 5
    proxy.counters_once(closed=1, active=0)


def test_clients_that_leave_leave_nothing_behind(stage):
    large = b"y" * (4 * MiB)
    proxy = stage.serve(refusing(stage), "--fallback-file", page(stage, large), "--fin-timeout", "1s")
    for turn in range(60):
        client = stage.connect(proxy.addresses[0])
        client.sendall(b"x" * 5000)
        if turn % 2:
            client.recv(1000)
        (reset if turn % 3 else socket.socket.close)(client)
    proxy.counters_once(closed=60, active=0)


def test_a_crowd_is_answered_to_the_last(stage):
    count = sized(200, 2000)
    content = bytes(range(256)) * (100 * KiB // 256)
    proxy = stage.serve(refusing(stage), "--fallback-file", page(stage, content))
    clients = [stage.connect(proxy.addresses[0]) for _ in range(count)]
    for client in clients:
        client.sendall(b"x" * 100)
    for client in clients:
        assert everything(client) == content
        client.close()
    proxy.counters_once(answered=count, closed=count, active=0)


# The end

def test_a_drain_answers_who_is_there_and_ends(stage):
    large = b"z" * (8 * MiB)
    proxy = stage.serve(refusing(stage), "--fallback-file", page(stage, large), "--drain-timeout", "10s")
    client = stage.connect(proxy.addresses[0])
    first = client.recv(1000)
    proxy.awaited = True
    proxy.signal(15)
    assert len(first) + len(everything(client)) == len(large)
    finish(client)
    assert proxy.wait() == 0


def test_a_drain_cuts_who_does_not_leave(stage):
    proxy = stage.serve(refusing(stage), "--fallback-file", page(stage), "--drain-timeout", "500ms")
    client = stage.connect(proxy.addresses[0])
    assert everything(client) == PAGE
    proxy.awaited = True
    proxy.signal(15)
    assert proxy.wait() == 0
    expect_reset(client, within=2.0)


# The file

def test_a_new_file_is_taken_over_and_no_client_gets_a_mixture(stage):
    path = page(stage, b"0" * 500_000)
    proxy = stage.serve(refusing(stage), "--fallback-file", path)
    seen, ends = set(), time.monotonic() + 7

    def ask():
        while time.monotonic() < ends:
            got = answer_to(stage, proxy, b"x" * 100)
            assert len(set(got)) == 1 and len(got) == 500_000, "a torn page"
            seen.add(got[:1])

    def write():
        for version in b"12":
            time.sleep(2.3)  # it has to be the same for two looks, a second apart
            replace(path, bytes([version]) * 500_000)

    together(ask, ask, write)
    assert seen == {b"0", b"1", b"2"}


def test_a_file_written_in_place_is_taken_over(stage):
    path = page(stage)
    proxy = stage.serve(refusing(stage), "--fallback-file", path)
    path.write_bytes(b"another page")
    wait_until(lambda: answer_to(stage, proxy) == b"another page", 8)


def test_a_file_that_is_gone_is_sent_on_and_told_of_once(stage):
    path = page(stage)
    proxy = stage.serve(refusing(stage), "--fallback-file", path)
    path.unlink()
    wait_until(lambda: "does not exist, and the version read before is sent on" in proxy.output(), 5)
    time.sleep(2.5)
    assert proxy.output().count("is sent on") == 1
    assert answer_to(stage, proxy) == PAGE
    path.write_bytes(b"there again")
    wait_until(lambda: answer_to(stage, proxy) == b"there again", 8)


def test_what_cannot_be_a_page_is_refused_at_the_start(stage, tmp_path):
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(17 * MiB)
    for path, reason in ((tmp_path / "none", "does not exist"), (tmp_path, "is no regular file"),
                         (huge, "has 17825792 bytes"), ("", "is no path")):
        ended = stage.lab.run("B", [str(part) for part in (
            binary(), "serve", "--listen", "127.0.0.1:0", "--upstream", "echo", "--fallback-file", path)],
            check=False, timeout=20)
        line = ended.stderr.strip()
        assert ended.returncode in (1, 64) and "--fallback-file" in line and reason in line and ";" in line
        assert "\n" not in line
