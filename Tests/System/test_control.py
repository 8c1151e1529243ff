"""The control socket and the commands that use it: asked, told, refused, and never in the way of connections."""

import contextlib
import errno
import http.client
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from lab import endpoint
from peers import exchange, finish
from processes import wait_until
from proxies import binary
from test_configuration import server_of, written
from test_health import FAST, Backend, talk, told
from test_upstreams import refusing

ALIVE = 60
"""Seconds that a client of the socket waits; the socket's own times are far shorter."""

THREADS, DESCRIPTORS = 8, 4
"""That the first answer may start and open, for its deadline, and that stay."""


class Asked(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=ALIVE)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(ALIVE)
        self.sock.connect(self.path)


def ask(path, method, target, body=None):
    """The status, the headers and the body."""
    asked = Asked(path)
    with contextlib.closing(asked):
        asked.request(method, target, body=body if body is None or isinstance(body, bytes) else json.dumps(body))
        answer = asked.getresponse()
        return answer.status, answer.headers, answer.read()


def get(path, target):
    status, _, body = ask(path, "GET", target)
    assert status == 200, body
    return json.loads(body)


def command(stage, path, *arguments, env=None):
    where = [] if path is None else ["--control", str(path)]
    return stage.lab.run("B", [binary(), *arguments, *where], timeout=ALIVE, check=False, env=env)


def said(stage, path, *arguments):
    done = command(stage, path, *arguments)
    assert done.returncode == 0 and not done.stderr, (done.stdout, done.stderr)
    return done.stdout


def refused(stage, path, *arguments):
    done = command(stage, path, *arguments)
    assert done.returncode == 1 and not done.stdout, (done.stdout, done.stderr)
    return done.stderr


@pytest.fixture
def folder():
    """Where anybody may go."""
    path = Path(tempfile.mkdtemp(prefix="longsplice-control-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def text_of(stage, path, pools, more=""):
    here = endpoint(stage.lab.address("B"), 0)
    return f"""
engine: {stage.engine}
workers: 2
control: {{ socket: {path}{more} }}
listeners:
  - {{ name: edge, bind: ["{here}", "{here}"] }}
pools:
{pools}
"""


def pool(*servers, rules=""):
    listed = ", ".join(f'"{server}"' if isinstance(server, str) else server[0] for server in servers)
    return f"  - name: web\n    servers: [{listed}]\n{rules}"


def controlled(stage, path, pools, more=""):
    proxy = stage.serve([], listen=["-"] * 2, config=written(stage, text_of(stage, path, pools, more)))
    get(path, "/status")
    used_to_answering(proxy)
    return proxy


def used_to_answering(proxy):
    proxy.threads_baseline += THREADS
    proxy.baseline["other"] += DESCRIPTORS


def rewrite(proxy, text):
    Path(proxy.config).write_text(text)


# Asked

def test_the_status_tells_who_where_and_how_much(stage, folder):
    path, listener = folder / "s", stage.listen()
    proxy = controlled(stage, path, pool(listener.address))
    client, server = stage.connect(proxy.addresses[1]), stage.keep(listener.accept())
    exchange(client, server, b"x" * 1000)
    proxy.counters_once(bytes_up=1000)
    status = get(path, "/status")
    assert status["pid"] == proxy.pid and status["engine"] == stage.engine and status["workers"] == 2
    assert status["listeners"] == [{"name": "edge", "addresses": proxy.addresses}]
    assert 0 < status["uptime_seconds"] < ALIVE and status["generation"]["number"] == 1
    assert "drain" not in status and "last_reload" not in status
    connections = status["connections"]
    assert (connections["active"], connections["accepted"], connections["bytes_up"]) == (1, 1, 1000)
    assert status["totals"]["tied"] == 1
    lines = said(stage, path, "status").splitlines()
    assert lines[0].startswith(f"longsplice {status['version']}, process {proxy.pid}, {stage.engine} with 2 workers")
    assert f"listener edge: {', '.join(proxy.addresses)}" in lines
    assert "pool web: 1 server, 1 up; 1 connections" in lines
    assert json.loads(said(stage, path, "status", "--json"))["pid"] == proxy.pid


def test_the_configuration_is_told_as_it_was_loaded(stage, folder):
    path, listener = folder / "s", stage.listen()
    proxy = controlled(stage, path, pool(listener.address))
    text = Path(proxy.config).read_text()
    rewrite(proxy, "nonsense")
    assert get(path, "/config") == {"path": str(proxy.config), "text": text}


def test_flags_are_told_too(stage, folder):
    path, listener = folder / "s", stage.listen()
    proxy = stage.serve(listener.address, "--control", str(path))
    used_to_answering(proxy)
    assert get(path, "/config")["flags"] == [str(part) for part in proxy.argv()[1:]]
    assert "--config FILE" in refused(stage, path, "reload")


def test_servers_are_told_with_their_state_and_why(stage, folder):
    path, good, dead = folder / "s", Backend(stage), refusing(stage)
    rules = f"    health: {{ {FAST} }}\n    eject: {{ after_failures: 3 }}\n"
    proxy = controlled(stage, path, pool(good.address, dead, (f'{{ address: "{dead}", weight: 3, backup: true }}',),
                                         rules=rules))
    proxy.baseline["socket"] += 3
    told(proxy, f"server {dead} is down")
    wait_until(lambda: [server["state"] for server in get(path, "/pools")[0]["servers"]].count("down") == 2, 10)
    (web,) = get(path, "/pools")
    assert (web["name"], web["balance"]) == ("web", "round_robin")
    first, second, third = web["servers"]
    assert (first["name"], first["state"], first["health"]["down"]) == (good.address, "up", False)
    assert (second["name"], second["health"]["down"], second["health"]["last_failure"]) == (dead, True, "was refused")
    assert (third["name"], third["address"], third["weight"], third["backup"]) == (f"{dead}#2", dead, 3, True)
    lines = said(stage, path, "server", "list", "web").splitlines()
    assert lines[0] == f"web {good.address} up, weight 1, 0 connections"
    assert lines[2] == f"web {dead}#2 down, weight 3, 0 connections, backup, its last check was refused"


def test_metrics_are_as_prometheus_wants_them_and_as_the_counters_are(stage, folder):
    path, good, dead = folder / "s", Backend(stage), refusing(stage)
    proxy = controlled(stage, path, pool(good.address, dead, rules=f"    health: {{ {FAST} }}\n"))
    proxy.baseline["socket"] += 2
    told(proxy, f"server {dead} is down")
    for _ in range(3):
        talk(stage, proxy).close()
    wait_until(lambda: proxy.counters()["closed"] == 3, 10)
    status, headers, body = ask(path, "GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    checked = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=60, check=False)
    assert checked.returncode == 0 and not checked.stderr and not checked.stdout, (checked.stdout, checked.stderr)
    values = dict(line.rsplit(" ", 1) for line in body.decode().splitlines() if not line.startswith("#"))
    counters = proxy.counters()
    moving = {"turns", "spins", "completions", "receives"}
    compared = 0
    for name, count in counters.items():
        value = values.get(f"longsplice_{name}_total")
        if value is not None and name not in moving and "health" not in name and "connect" not in name:
            assert int(value) == count, name
            compared += 1
    assert compared > 60 and counters["bytes_up"] == 3 * len("client\n")
    assert values[f'longsplice_server_up{{pool="web",server="{dead}"}}'] == "0"
    assert values[f'longsplice_server_state{{pool="web",server="{dead}",state="down"}}'] == "1"
    assert values[f'longsplice_server_connections{{pool="web",server="{good.address}"}}'] == "0"
    assert values["longsplice_connections_active"] == "0" and values["longsplice_servers_down"] == "1"
    assert float(values["longsplice_start_time_seconds"]) == pytest.approx(time.time(), abs=ALIVE)


# Told

def test_a_server_is_drained_and_enabled_while_its_sessions_stay(stage, folder):
    path, first, second = folder / "s", stage.listen(), stage.listen()
    proxy = controlled(stage, path, pool(first.address, second.address))
    client = stage.connect(proxy.addresses[0])
    server = None
    while server is None:
        for listener in (first, second):
            with contextlib.suppress(TimeoutError, BlockingIOError):
                server, of = stage.keep(listener.accept(0.05)), listener
                break
    other = second if of is first else first
    assert said(stage, path, "server", "drain", "web", of.address) == (
        f"pool web: server {of.address} is drained, 1 connection goes on\n")
    assert said(stage, path, "server", "drain", "web", of.address) == "nothing has changed\n"
    assert f"web {of.address} draining, weight 1, 1 connections" in said(stage, path, "server", "list")
    settled(proxy, path)
    for _ in range(6):
        assert server_of(stage, proxy, [other]) == 0
    exchange(client, server, b"still here")
    assert said(stage, path, "server", "enable", "web", of.address) == (
        f"pool web: server {of.address} takes connections again\n")
    settled(proxy, path)
    assert {server_of(stage, proxy, [first, second]) for _ in range(8)} == {0, 1}
    assert get(path, "/status")["generation"]["number"] == 4


def settled(proxy, path):
    """Changes are made by the workers themselves, between two turns."""
    time.sleep(0.3)


def test_servers_are_added_weighed_and_removed_until_a_reload_takes_the_files_word(stage, folder):
    path, first, second = folder / "s", stage.listen(), stage.listen()
    proxy = controlled(stage, path, pool(first.address))
    assert said(stage, path, "server", "add", "web", second.address, "--weight", "3") == (
        f"pool web: server {second.address} is added\n")
    settled(proxy, path)
    joined = [server_of(stage, proxy, [first, second]) for _ in range(16)]
    assert 8 <= joined.count(1) <= 15, joined
    assert "has weight 1" in said(stage, path, "server", "weight", "web", second.address, "1")
    assert said(stage, path, "server", "remove", "web", first.address).startswith(
        f"pool web: server {first.address} is removed")
    settled(proxy, path)
    assert {server_of(stage, proxy, [first, second]) for _ in range(4)} == {1}
    assert f"server {second.address} is removed" in said(stage, path, "reload")
    settled(proxy, path)
    assert {server_of(stage, proxy, [first, second]) for _ in range(4)} == {0}


def test_what_cannot_be_told_says_why_and_changes_nothing(stage, folder):
    path, listener = folder / "s", stage.listen()
    proxy = controlled(stage, path, pool(listener.address))
    here = listener.address
    for arguments, words in [
        (["drain", "nix", here], "there is no pool nix; the pools are web"),
        (["drain", "web", "192.0.2.1:1"], "pool web has no server 192.0.2.1:1; longsplice server list"),
        (["remove", "web", here], "it is the only server of pool web; drain it instead"),
        (["add", "web", here], f"pool web has server {here} already"),
        (["add", "web", "no address"], "server no address has no port; write HOST:PORT"),
        (["weight", "web", here, "0"], "weight 0 is out of range; write 1 to 256"),
        (["add", "web", "192.0.2.1:1", "--weight", "257"], "weight 257 is out of range"),
        (["list", "nix"], "there is no pool nix"),
    ]:
        assert refused(stage, path, "server", *arguments).startswith(f"longsplice: {words}")
    assert ask(path, "POST", f"/pools/web/servers/{here}", {"action": "explode"})[0] == 400
    assert ask(path, "POST", f"/pools/nix/servers/{here}", {"action": "drain"})[0] == 404
    assert ask(path, "POST", f"/pools/web/servers/{here}", {"action": "remove"})[0] == 409
    assert ask(path, "DELETE", "/status")[0] == 405 and ask(path, "GET", "/nowhere")[0] == 404
    assert get(path, "/status")["generation"]["number"] == 1
    assert server_of(stage, proxy, [listener]) == 0


def test_a_reload_says_what_changed_or_everything_that_is_wrong(stage, folder):
    path, first, second = folder / "s", stage.listen(), stage.listen()
    proxy = controlled(stage, path, pool(first.address))
    good = text_of(stage, path, pool(second.address)).replace("workers: 2", "workers: 1")
    rewrite(proxy, good)
    changes = said(stage, path, "reload").splitlines()
    assert f"pool web: server {second.address} is added" in changes
    assert f"pool web: server {first.address} is removed" in changes
    assert "workers stays as it was until the process is restarted" in changes
    settled(proxy, path)
    assert server_of(stage, proxy, [first, second]) == 1
    status = get(path, "/status")
    assert status["last_reload"]["succeeded"] and status["last_reload"]["lines"] == changes
    rewrite(proxy, "wrokers: 2\nlisteners: []\npools: []\n")
    lines = refused(stage, path, "reload").splitlines()
    assert len(lines) >= 2 and all(line.startswith(f"longsplice: {proxy.config}:") for line in lines), lines
    assert any("wrokers" in line and "workers" in line for line in lines)
    status = get(path, "/status")
    assert not status["last_reload"]["succeeded"] and status["generation"]["number"] == 2
    assert get(path, "/config")["text"] == good
    assert "last reload at" in said(stage, path, "status") and server_of(stage, proxy, [first, second]) == 1


def test_a_plan_says_what_would_change_and_changes_nothing(stage, folder):
    path, first, second = folder / "s", stage.listen(), stage.listen()
    proxy = controlled(stage, path, pool(first.address))
    client = stage.connect(proxy.addresses[0])
    exchange(client, stage.keep(first.accept()))
    other = written(stage, text_of(stage, path, pool(second.address)))
    changes = said(stage, path, "plan", "--config", str(other)).splitlines()
    assert changes == [f"pool web: server {second.address} is added",
                       f"pool web: server {first.address} is removed, 1 connection goes on"]
    assert said(stage, path, "plan") == "nothing has changed\n"
    other.write_text("wrokers: 2\n")
    assert "wrokers" in refused(stage, path, "plan", "--config", str(other))
    assert "cannot be read" in refused(stage, path, "plan", "--config", str(folder / "missing.yaml"))
    assert get(path, "/status")["generation"]["number"] == 1 and server_of(stage, proxy, [first, second]) == 0


def test_a_drain_ends_the_process_with_the_last_connection(stage, folder):
    path, listener = folder / "s", stage.listen()
    proxy = controlled(stage, path, pool(listener.address))
    client, server = stage.connect(proxy.addresses[0]), stage.keep(listener.accept())
    assert "takes no more connections" in said(stage, path, "drain")
    assert "draining already" in said(stage, path, "drain")
    assert 0 < get(path, "/status")["drain"]["seconds_left"] <= 30
    assert "draining; what is left is reset in" in said(stage, path, "status")
    assert "draining" in refused(stage, path, "reload")
    assert "draining" in refused(stage, path, "server", "drain", "web", listener.address)
    exchange(client, server)
    finish(client)
    finish(server)
    assert proxy.wait(20) == 0 and not path.exists()


# Who may

AS_ANOTHER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sock = socket.socket(socket.AF_UNIX)
sock.settimeout(30)
try:
    sock.connect(sys.argv[1])
    sock.sendall(b"GET /status HTTP/1.1\\r\\nHost: l\\r\\nConnection: close\\r\\n\\r\\n")
    print(len(sock.recv(100)))
except OSError as error:
    print(error.errno)
"""


def as_another(path):
    """What another user gets: an errno, or how many bytes."""
    done = subprocess.run(["python3", "-c", AS_ANOTHER, str(path)], capture_output=True, text=True, timeout=60, check=True)
    return int(done.stdout)


@pytest.mark.matrix("C7")
def test_another_user_is_kept_out_by_the_files_mode(stage, folder):
    path, listener = folder / "s", stage.listen()
    proxy = controlled(stage, path, pool(listener.address))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert as_another(path) == errno.EACCES
    assert get(path, "/status")["pid"] == proxy.pid


def test_another_user_whom_the_mode_lets_in_is_not_answered(stage, folder):
    path, listener = folder / "s", stage.listen()
    controlled(stage, path, pool(listener.address), ', mode: "0666"')
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    assert as_another(path) in (0, errno.ECONNRESET, errno.EPIPE)
    assert get(path, "/status")["workers"] == 2


def test_nobody_listens_on_tcp_for_it(stage, folder):
    path, listener = folder / "s", stage.listen()
    proxy = controlled(stage, path, pool(listener.address))
    with stage.lab.inside("B"):
        listed = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, timeout=20, check=True).stdout
    own = [line for line in listed.splitlines() if f"pid={proxy.pid}," in line]
    assert {int(line.split()[3].rpartition(":")[2]) for line in own} == {
        int(address.rpartition(":")[2]) for address in proxy.addresses}


# Never in the way

def test_a_thousand_slow_and_oversized_clients_harm_nobody(stage, folder):
    path, listener = folder / "s", stage.listen()
    proxy = controlled(stage, path, pool(listener.address))
    client, server = stage.connect(proxy.addresses[0]), stage.keep(listener.accept())
    before = proxy.rss()
    ends = threading.Event()
    slow, pouring = [], []

    def pour(head):
        """As much as is taken, until the end."""
        while not ends.is_set():
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(5)
                sock.connect(str(path))
                sock.sendall(head)
                while not ends.is_set():
                    sock.sendall(b"x" * 65536)
            time.sleep(0.01)

    for head in (b"GET /", b"GET / HTTP/1.1\r\nX: ", b"POST /reload HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
                 b"POST /pools/a/servers/b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n", b"\x16\x03\x01"):
        pouring.append(threading.Thread(target=pour, args=(head,), daemon=True))
        pouring[-1].start()
    try:
        refusals = 0
        for _ in range(1000):
            sock = stage.keep(socket.socket(socket.AF_UNIX))
            sock.setblocking(False)
            try:
                sock.connect(str(path))
                sock.send(b"GET /status HTTP/1.1\r\nX")
                slow.append(sock)
            except BlockingIOError:
                refusals += 1
        assert len(slow) >= 64 and refusals > 0, "the queue takes everybody"
        worst = 0
        until = time.monotonic() + 3
        while time.monotonic() < until:
            started = time.monotonic()
            exchange(client, server, b"z" * 5000)
            worst = max(worst, time.monotonic() - started)
        assert worst < 1, f"a round trip took {worst:.2f} s"
        assert proxy.rss() - before < 64 << 20
    finally:
        ends.set()
        for thread in pouring:
            thread.join(20)
    assert not any(thread.is_alive() for thread in pouring)
    # In their places comes whoever asks for something.
    wait_until(lambda: command(stage, path, "status").returncode == 0, ALIVE, "an answer", 0.2)
    assert server_of(stage, proxy, [listener]) == 0


def test_a_client_that_reads_nothing_and_one_that_breaks_off_are_forgotten(stage, folder):
    path, listener = folder / "s", stage.listen()
    proxy = controlled(stage, path, pool(listener.address))
    request = b"GET /metrics HTTP/1.1\r\nHost: l\r\n\r\n"
    for _ in range(50):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(request * 20)
    deaf = stage.keep(socket.socket(socket.AF_UNIX))
    deaf.settimeout(1)
    deaf.connect(str(path))
    with contextlib.suppress(TimeoutError):
        for _ in range(1000):
            deaf.sendall(request)
    assert get(path, "/status")["pid"] == proxy.pid
    assert server_of(stage, proxy, [listener]) == 0
    wait_until(lambda: proxy.descriptors()["socket"] <= proxy.baseline["socket"] + 3, ALIVE, "the deaf one's end", 0.2)


# Its file

def test_a_stale_file_is_replaced_and_one_in_use_is_not(stage, folder):
    path, listener = folder / "s", stage.listen()
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    proxy = controlled(stage, path, pool(listener.address))
    second = stage.lab.run("B", [binary(), "serve", "--config", proxy.config], timeout=20, check=False)
    assert second.returncode == 1
    assert re.search(r": control\.socket \S+: is in use; stop the program that listens there", second.stderr), second
    assert get(path, "/status")["pid"] == proxy.pid
    assert proxy.stop() == 0 and not path.exists()


def test_what_is_no_socket_stays(stage, folder):
    path, listener = folder / "s", stage.listen()
    path.write_text("mine")
    done = stage.lab.run("B", [binary(), "serve", "--listen", "127.0.0.1:0", "--upstream", listener.address,
                               "--control", path], timeout=20, check=False)
    assert done.returncode == 1 and "is a file that is no socket" in done.stderr and path.read_text() == "mine"


def test_without_the_key_there_is_none(stage, folder):
    proxy = stage.serve(stage.listen().address)
    links = [os.readlink(f"/proc/{proxy.pid}/fd/{name}") for name in os.listdir(f"/proc/{proxy.pid}/fd")]
    unix = {line.split()[6] for line in Path(f"/proc/{proxy.pid}/net/unix").read_text().splitlines()[1:]}
    assert not [link for link in links if link.startswith("socket:") and link[8:-1] in unix]


# The commands by themselves

def test_commands_say_why_nobody_answers(stage, folder):
    for arguments in (["status"], ["reload"], ["drain"], ["server", "list"], ["server", "drain", "web", "x"]):
        assert refused(stage, folder / "s", *arguments).startswith(
            f"longsplice: --control {folder}/s: is where nobody listens (ENOENT); start longsplice serve with --control")
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(folder / "d"))
    dead.close()
    assert "(ECONNREFUSED)" in refused(stage, folder / "d", "status")
    done = command(stage, None, "status", env={"LONGSPLICE_CONTROL": f"{folder}/e"})
    assert done.returncode == 1 and done.stderr.startswith(f"longsplice: LONGSPLICE_CONTROL {folder}/e: ")
    assert "no path of a UNIX socket" in refused(stage, folder / ("x" * 120), "status")


def test_wrong_command_lines_are_usage_errors(stage):
    for arguments in (["status", "x"], ["server", "weight", "web", "a"], ["server", "explode"],
                      ["serve", "--listen", "127.0.0.1:0", "--upstream", "echo", "--control", ""],
                      ["serve", "--config", "/dev/null", "--control", "/tmp/x"]):
        done = command(stage, None, *arguments)
        assert done.returncode == 64 and done.stderr.startswith("longsplice: "), (arguments, done)
