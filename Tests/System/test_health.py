"""What a pool does about the state of its servers over time: checks, sessions of the fallen, slow starts, ages and ends."""

import contextlib
import select
import socket
import threading
import time

import pytest

import records
from lab import endpoint
from peers import exchange, expect_fin, expect_reset, finish, time_until_reset
from processes import wait_until
from test_configuration import one_pool, server_of
from test_fallback import PAGE, answer_to, page
from test_upstreams import expect_refusal, refusing, silent

FAST = "interval: 200ms, rise: 2, fall: 2, timeout: 1s"


class Backend:
    """A server whose manners can be changed: accepts and echoes, and may greet, keep silent or answer by a rule."""

    def __init__(self, stage, address=None, greeting=b"", answer=None):
        self.listener = stage.listen(address)
        self.address = self.listener.address
        self.greeting, self.answer = greeting, answer
        self.sessions = []
        self.said = []
        self._lock = threading.Lock()
        self._ends = False
        self.listener.sock.settimeout(0.1)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        stage.keep(self)

    def _accept(self):
        while not self._ends:
            try:
                sock, _ = self.listener.sock.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        sock.settimeout(30)
        with contextlib.suppress(OSError), sock:
            if self.greeting:
                sock.sendall(self.greeting)
            while piece := sock.recv(4096):
                with self._lock:
                    self.said.append(piece)
                if piece.startswith(b"client"):
                    with self._lock:
                        self.sessions.append(sock)
                    sock.sendall(piece)
                elif self.answer:
                    sock.sendall(self.answer)

    def close(self):
        self._ends = True
        self._thread.join(5)
        self.listener.close()

    def kill(self):
        """As a process that dies: it listens no more, and its sessions are gone."""
        self.close()
        with self._lock:
            for sock in self.sessions:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)


def talk(stage, proxy):
    """A client that has been answered; it stays."""
    client = stage.connect(proxy.addresses[0])
    client.sendall(b"client\n")
    assert client.recv(100) == b"client\n"
    return client


def told(proxy, text, within=10):
    wait_until(lambda: text in proxy.output(), within, text, 0.02)


def checked(stage, servers, rules=FAST, more="", process=""):
    listed = ", ".join(f'"{server}"' for server in servers)
    proxy = one_pool(stage, f"    servers: [{listed}]\n    health: {{ {rules} }}\n{more}", process=process)
    # Checks that are not answered are under way nearly always, and need not have been at the start.
    proxy.baseline["socket"] += len(servers)
    return proxy


# Checks

@pytest.mark.parametrize("balance", ["round_robin", "random_two", "least_connections", "source_hash", "first"])
def test_a_server_that_is_killed_gets_nobody_until_it_is_back(stage, balance):
    first, second = Backend(stage), Backend(stage)
    proxy = checked(stage, [first.address, second.address], more=f"    balance: {balance}")
    for _ in range(4):
        talk(stage, proxy).close()
    first.kill()
    told(proxy, f"server {first.address} is down: its last check was refused")
    refused = proxy.counters()["connect_refused"]
    for _ in range(8):
        talk(stage, proxy).close()
    counters = proxy.counters()
    assert counters["connect_refused"] == refused and counters["servers_down"] == 1
    back = Backend(stage, first.address)
    told(proxy, f"server {first.address} is up again")
    if balance == "first":
        talk(stage, proxy).close()
        assert len(back.sessions) == 1
    elif balance != "source_hash":
        wait_until(lambda: talk(stage, proxy) and back.sessions, 10, "a session at the server that is back")
    assert proxy.counters()["servers_came_up"] == 1


def test_checks_tell_who_refuses_who_is_silent_and_who_answers_wrongly(wide_stage):
    stage = wide_stage
    good = Backend(stage, greeting=b"220 mail ready\r\n")
    late = Backend(stage, answer=b"220 only after you")
    mute, wrong, dead, hole = Backend(stage), Backend(stage, greeting=b"500 no\r\n"), refusing(stage), silent(stage)
    proxy = checked(stage, [good.address, late.address, mute.address, wrong.address, dead, hole],
                    f'{FAST}, send: "HELO\\r\\n", expect: "220 "')
    for server, why in ((mute.address, "got no answer in time"), (wrong.address, "got another answer than expected"),
                        (dead, "was refused"), (hole, "was not answered in time")):
        told(proxy, f"server {server} is down: its last check {why}")
    for server in (good.address, late.address):
        assert f"server {server} is down" not in proxy.output()
    assert b"HELO\r\n" in good.said and b"HELO\r\n" in late.said
    started = time.monotonic()
    for _ in range(6):
        talk_to_greeter(stage, proxy)
    assert time.monotonic() - started < 2, "clients wait for servers that are known to be down"
    counters = proxy.counters()
    assert counters["servers_down"] == 4 and counters["health_checks_failed"] >= 8


def test_a_check_that_is_to_connect_only_says_and_hears_nothing(stage):
    mute = Backend(stage)
    proxy = checked(stage, [mute.address], "interval: 100ms, fall: 1, timeout: 200ms, connect_only: true")
    wait_until(lambda: proxy.counters()["health_checks"] >= 4, 10)
    assert f"server {mute.address} is down" not in proxy.output() and not mute.said


def talk_to_greeter(stage, proxy):
    client = stage.connect(proxy.addresses[0])
    client.sendall(b"client\n")
    said = b""
    while b"client\n" not in said:
        said += client.recv(100)
    client.close()


@pytest.mark.matrix("C4")
@pytest.mark.parametrize("version, header", [
    ("v1", b"PROXY UNKNOWN\r\n"), ("v2", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")], ids=["v1", "v2"])
def test_a_check_announces_nobody_to_servers_that_are_told_of_clients(stage, version, header):
    backend = Backend(stage, answer=b"+PONG\r\n")
    proxy = checked(stage, [backend.address], f'{FAST}, send: "PING\\r\\n", expect: "+PONG"',
                    f"    proxy_protocol: {{ send: {version} }}")
    wait_until(lambda: proxy.counters()["health_checks"] >= 3, 10)
    assert proxy.counters()["health_checks_failed"] == 0
    assert b"".join(backend.said).startswith(2 * (header + b"PING\r\n"))


def test_where_all_servers_are_down_clients_are_reset_at_once(wide_stage):
    stage = wide_stage
    log = stage.lab.fresh_path(".access")
    hole = silent(stage)
    proxy = checked(stage, [hole], process=f"access_log: {{ to: {log} }}")
    told(proxy, f"server {hole} is down")
    expect_refusal(stage, proxy)
    record = records.wait_for(log, 1)[0]
    assert (record["end"], record["ended_by"], record["attempts"]) == ("no_server", "longsplice", 0)
    proxy.counters_once(no_server=1, connect_failed=1, connect_attempts=0)


def test_where_all_servers_are_down_the_fallback_file_is_given_without_a_connect(wide_stage):
    stage = wide_stage
    hole = silent(stage)
    proxy = checked(stage, [hole], more=f"    fallback_file: {page(stage)}")
    told(proxy, f"server {hole} is down")
    started = time.monotonic()
    assert answer_to(stage, proxy) == PAGE
    assert time.monotonic() - started < 1
    proxy.counters_once(no_server=1, answered=1, connect_attempts=0)


def test_where_all_servers_are_down_the_backup_serves(stage):
    dead, backup = refusing(stage), Backend(stage)
    proxy = one_pool(stage, f'''    servers: ["{dead}", {{ address: "{backup.address}", backup: true }}]
    health: {{ {FAST} }}''')
    told(proxy, f"server {dead} is down")
    talk(stage, proxy)
    assert len(backup.sessions) == 1
    proxy.counters_once(connect_refused=0)


def test_checks_come_from_the_pools_sources(stage):
    backend = stage.listen("127.0.0.1:0")
    checked(stage, [backend.address], more="    connect: { source: [127.0.0.7] }")
    check = stage.keep(backend.accept(5))
    assert check.getpeername()[0] == "127.0.0.7"


def test_checks_are_spread_over_the_interval(stage):
    ports = range(701, 721)
    backends = [stage.listen(endpoint(stage.lab.address("C"), port)) for port in ports]
    seen = {}

    def watch(number, listener):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.sock.accept()
                seen.setdefault(number, time.monotonic())
                sock.close()

    for number, listener in enumerate(backends):
        listener.sock.settimeout(10)
        threading.Thread(target=watch, args=(number, listener), daemon=True).start()
    checked(stage, [f"{stage.lab.address('C')}:{ports[0]}-{ports[-1]}"], "interval: 2s")
    wait_until(lambda: len(seen) == 20, 10, "a check of each server")
    times = sorted(seen.values())
    assert times[-1] - times[0] > 1, "all were checked at once"
    for listener in backends:
        # Whoever waits for a client keeps the port otherwise.
        listener.sock.shutdown(socket.SHUT_RDWR)
        listener.close()


# Sessions of servers that go down

def deaf(stage):
    """A server that lives on for its sessions, and whose checks can be made to fail: it answers them or not."""
    return Backend(stage, answer=b"yes")


def test_sessions_of_a_server_that_goes_down_are_reset_where_that_is_asked_for(stage):
    log = stage.lab.fresh_path(".access")
    sick, well = deaf(stage), deaf(stage)
    proxy = one_pool(stage, f'''    servers: ["{sick.address}", "{well.address}"]
    health: {{ {FAST}, send: "ok?", expect: "yes" }}
    on_down: close_sessions''', process=f"access_log: {{ to: {log} }}")
    clients = [talk(stage, proxy) for _ in range(6)]
    assert (len(sick.sessions), len(well.sessions)) == (3, 3)
    servers = list(sick.sessions)
    sick.answer = b"no!"
    wait_until(lambda: proxy.counters()["servers_down"] == 1, 10, "a server that is down", 0.02)
    ended = reset_within(clients, 3, 2)
    assert len(ended) == 3
    for server in servers:
        wait_until(lambda: is_gone(server), 1)
    proxy.counters_once(server_down=3, active=3)
    found = records.wait_for(log, 3)
    assert {(record["end"], record["ended_by"], record["upstream"]) for record in found} == {
        ("server_down", "longsplice", sick.address)}
    for client in clients:
        if client not in ended:
            client.sendall(b"client\n")
            assert client.recv(100) == b"client\n"
    # The log is written once a second; what comes and goes meanwhile is only counted.
    told(proxy, f"server {sick.address} is down")
    sick.answer = b"yes"
    told(proxy, f"server {sick.address} is up again")


def is_gone(sock):
    """Closed by the thread that served it, once it has seen the reset."""
    return sock.fileno() < 0


def reset_within(clients, count, seconds):
    """Those that are told of a reset, as soon as there are so many."""
    poll, deadline, told_of = select.poll(), time.monotonic() + seconds, []
    for client in clients:
        poll.register(client, 0)
    while len(told_of) < count and (left := deadline - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            poll.unregister(number)
            told_of += [client for client in clients if client.fileno() == number]
    for client in told_of:
        expect_reset(client)
    return told_of


def test_sessions_of_a_server_that_goes_down_are_kept_otherwise(stage):
    sick = deaf(stage)
    proxy = checked(stage, [sick.address], f'{FAST}, send: "ok?", expect: "yes"')
    client = talk(stage, proxy)
    sick.answer = b"no!"
    told(proxy, f"server {sick.address} is down: its last check got another answer than expected")
    time.sleep(0.5)
    client.sendall(b"client\n")
    assert client.recv(100) == b"client\n"
    proxy.counters_once(server_down=0, active=1)


# Without checks

def test_a_server_that_refuses_is_not_tried_by_everyone(stage):
    dead, first, second = refusing(stage), Backend(stage), Backend(stage)
    proxy = one_pool(stage, f'''    balance: least_connections
    servers: ["{dead}", "{first.address}", "{second.address}"]''')
    started = time.monotonic()
    clients = [talk(stage, proxy) for _ in range(60)]
    took = time.monotonic() - started
    tries = proxy.counters()["connect_refused"]
    # At 0, 100, 300, 700, 1,500 … ms.
    assert 1 <= tries <= 2 + took * 10 and tries < 30, f"{tries} in {took:.1f} s"
    assert len(clients) == 60 and abs(len(first.sessions) - len(second.sessions)) <= 2


# Slow start

def test_a_server_that_is_back_gets_few_clients_at_first(stage):
    first, second = Backend(stage), Backend(stage)
    proxy = checked(stage, [first.address, second.address], more="    slow_start: 1h")
    for _ in range(4):
        talk(stage, proxy).close()
    assert len(first.sessions) == 2, "nobody starts slowly with the process"
    first.kill()
    told(proxy, f"server {first.address} is down")
    back = Backend(stage, first.address)
    told(proxy, f"server {first.address} is up again")
    for _ in range(40):
        talk(stage, proxy).close()
    assert len(back.sessions) <= 8 and len(second.sessions) >= 30


# Age and ends

def test_a_session_is_reset_at_its_age_however_busy(stage):
    log = stage.lab.fresh_path(".access")
    backend = Backend(stage)
    proxy = one_pool(stage, f'''    servers: ["{backend.address}"]
    max_lifetime: {{ at_most: 1s, jitter: 20% }}''', process=f"access_log: {{ to: {log} }}")
    client, started = talk(stage, proxy), time.monotonic()
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        while time.monotonic() - started < 10:
            client.sendall(b"client\n")
            assert client.recv(100) == b"client\n"
            time.sleep(0.02)
    assert 0.7 <= time.monotonic() - started <= 5
    proxy.counters_once(lifetime=1, active=0)
    record = records.wait_for(log, 1)[0]
    assert (record["end"], record["ended_by"]) == ("lifetime", "longsplice")


@pytest.mark.parametrize("side", ["client", "server"])
def test_each_side_has_a_fin_timeout_of_its_own(stage, side):
    listener = stage.listen()
    other = "server" if side == "client" else "client"
    proxy = one_pool(stage, f'''    servers: ["{listener.address}"]
    timeouts: {{ fin: 1h, {side}_fin: 400ms }}''')
    pairs = []
    for _ in range(2):
        client = stage.connect(proxy.addresses[0])
        pairs.append({"client": client, "server": stage.keep(listener.accept())})
        exchange(client, pairs[-1]["server"])
    finish(pairs[0][side])
    expect_fin(pairs[0][other])
    finish(pairs[1][other])
    expect_fin(pairs[1][side])
    assert 0.2 < time_until_reset(pairs[0][other], 10) < 5
    proxy.counters_once(fin_timeout=1, active=1)
    pairs[1][side].sendall(b"still here")
    assert pairs[1][other].recv(100) == b"still here"
