"""Listening sockets that the process was started with, and what it tells the service manager."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from foreign import listening, sockets_of
from lab import endpoint
from peers import exchange, expect_fin, finish
from processes import wait_until
from proxies import binary
from test_configuration import serve, written

ACTIVATE = r"""
import os, socket, sys
# Addresses, names and the program, each list ended by "--": sockets from descriptor 3 on, as a service manager passes them.
rest = sys.argv[1:]
addresses, rest = rest[:rest.index("--")], rest[rest.index("--") + 1:]
names, program = rest[:rest.index("--")], rest[rest.index("--") + 1:]
made = []
for text in addresses:
    if text == "pipe":
        made.append(os.pipe()[0])
        continue
    kind, _, address = text.partition("=")
    family = socket.AF_UNIX if "/" in address else socket.AF_INET6 if address.startswith("[") else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM)
    if family == socket.AF_UNIX:
        sock.bind(address)
    else:
        host, _, port = address.rpartition(":")
        sock.bind((host.strip("[]"), int(port)))
    if kind == "listen":
        sock.listen(64)
    made.append(sock.detach())
# Out of the way first, then to where they belong.
made = [os.dup2(number, 50 + index) for index, number in enumerate(made)]
for index, number in enumerate(made):
    os.dup2(number, 3 + index)
    os.set_inheritable(3 + index, True)
    os.close(number)
if names:
    os.environ.update(LISTEN_FDS=str(len(made)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=":".join(names))
os.execv(program[0], program)
"""


def activation(addresses, names=()):
    return ("/usr/bin/python3", "-c", ACTIVATE, *addresses, "--", *names, "--")


def here(stage, family=4):
    return "listen=" + endpoint(stage.lab.address("B", family), 0)


def pair(stage, proxy, listener, number=0):
    client = stage.connect(proxy.addresses[number])
    server = stage.keep(listener.accept(5))
    exchange(client, server)
    return client, server


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("family", [4, 6])
def test_a_socket_is_taken_by_the_number_of_its_descriptor(stage, workers, family):
    listener = stage.listen()
    proxy = stage.serve(listener.address, "--workers", str(workers), listen="fd:3",
                        wrapper=activation([here(stage, family)]))
    for _ in range(8):
        client, server = pair(stage, proxy, listener)
        finish(client)
        expect_fin(server)
        finish(server)
        expect_fin(client)
    proxy.counters_once(finished=8)
    # One socket for all workers, which no program that is started from here would have, and which does not block.
    with sockets_of(proxy.pid) as sockets:
        assert len({os.fstat(each.fileno()).st_ino for each in listening(sockets)}) == 1
    for name in os.listdir(f"/proc/{proxy.pid}/fd"):
        with contextlib.suppress(OSError):
            if int(name) > 2:
                flags = int(Path(f"/proc/{proxy.pid}/fdinfo/{name}").read_text().split("flags:")[1].split()[0], 8)
                assert flags & os.O_CLOEXEC, f"descriptor {name} would be passed on"


def test_sockets_are_taken_by_their_names(stage):
    first, second = stage.listen(), stage.listen()
    path = stage.lab.fresh_path(".sock")
    proxy = serve(stage, f"""
workers: 2
listeners:
  - {{ name: mail, bind: ["fd:mail"], pool: second }}
  - {{ name: web, bind: ["fd:https"], pool: first, user_timeout: 31s }}
pools:
  - {{ name: first, servers: ["{first.address}"] }}
  - {{ name: second, servers: ["{second.address}"] }}
""", 3, wrapper=activation([here(stage), f"listen={path}", here(stage)], ["https", "mail", "https"]))
    assert proxy.addresses[0] == f"unix:{path}"
    pair(stage, proxy, second, 0)
    for number in (1, 2):
        pair(stage, proxy, first, number)
    with sockets_of(proxy.pid) as sockets:
        times = [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) for each in listening(sockets)]
    assert set(times) == {31_000}


def test_the_file_of_a_socket_that_was_passed_stays(stage):
    path = stage.lab.fresh_path(".sock")
    proxy = stage.serve("echo", listen="fd:3", wrapper=activation([f"listen={path}"]))
    client = stage.connect(f"unix:{path}")
    client.sendall(b"x")
    assert client.recv(1) == b"x"
    client.close()
    proxy.counters_once(active=0)
    proxy.signal(signal.SIGTERM)
    assert proxy.wait() == 0
    assert path.exists()


@pytest.mark.parametrize("passed, names, wanted, sentence", [
    ([], [], "fd:3", "--listen fd:3: is not open; start this process with a listening socket there"),
    (["pipe"], [], "fd:3", "--listen fd:3: is no socket; name a socket that listens"),
    (["idle=127.0.0.1:0"], [], "fd:3",
     "--listen fd:3: does not listen; call listen(2) before the start; in a socket unit, write Accept=no"),
    (["datagram=127.0.0.1:0"], [], "fd:3",
     "--listen fd:3: is no stream socket; write ListenStream= into the socket unit"),
    (["listen=127.0.0.1:0"], ["https"], "fd:http",
     "--listen fd:http: is no socket that this process was given; the sockets that it was given are called https"),
    (["listen=127.0.0.1:0"], [], "fd:https", "--listen fd:https: is no socket that this process was given; "
     "write FileDescriptorName=https into a socket unit, and start it by that"),
    ([], [], "fd:2", "--listen fd:2: has a number that no socket can have; write fd:NUMBER with a number from 3 on, or fd:NAME"),
])
def test_what_cannot_be_listened_on_is_refused_with_a_cure(stage, passed, names, wanted, sentence):
    done = stage.lab.run("B", [*activation(passed, names), binary(), "serve", "--engine", stage.engine, "--listen",
                               wanted, "--upstream", "echo"], check=False)
    assert done.returncode != 0 and sentence in done.stderr


def test_one_socket_is_not_listened_on_twice(stage):
    done = stage.lab.run("B", [*activation([here(stage)], ["a"]), binary(), "serve", "--engine", stage.engine,
                               "--listen", "fd:a", "--listen", "fd:3", "--upstream", "echo"], check=False)
    assert done.returncode == 1
    assert "--listen fd:3: is listened on twice, as descriptor 3 is named before; leave one of them out" in done.stderr


def test_sockets_of_another_process_are_not_ours(stage):
    """LISTEN_PID names whom they are for."""
    done = stage.lab.run("B", [binary(), "serve", "--engine", stage.engine, "--listen", "fd:https", "--upstream", "echo"],
                         check=False, env={"LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "https"})
    assert done.returncode == 1 and "is no socket that this process was given" in done.stderr


# The service manager

class Manager:
    """Reads what a service tells."""

    def __init__(self, stage, is_abstract):
        self.sock = stage.keep(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.sock.settimeout(10)
        name = str(stage.lab.fresh_path(".notify"))
        self.place = f"@{name}" if is_abstract else name
        self.sock.bind(f"\0{name}" if is_abstract else name)

    def hears(self):
        return self.sock.recv(4096).decode().split("\n")


@pytest.mark.parametrize("is_abstract", [False, True])
def test_the_service_manager_is_told(stage, is_abstract):
    with stage.lab.inside("B"):
        manager = Manager(stage, is_abstract)
    listener = stage.listen()
    proxy = stage.serve(listener.address, wrapper=("/usr/bin/env", f"NOTIFY_SOCKET={manager.place}"))
    assert manager.hears() == ["READY=1", "STATUS=serving on 1 address"]
    client, server = pair(stage, proxy, listener)
    proxy.signal(signal.SIGTERM)
    assert manager.hears() == ["STOPPING=1", "STATUS=draining, 1 active"]
    # And goes on serving who is there.
    exchange(client, server)
    client.close()
    server.close()
    assert proxy.wait() == 0


def test_the_service_manager_is_told_of_a_reload(stage):
    """Type=notify-reload of systemd.service(5): RELOADING with the clock's time, and READY when it is over."""
    with stage.lab.inside("B"):
        manager = Manager(stage, False)
    here = endpoint(stage.lab.address("B"), 0)
    config = stage.lab.fresh_path(".yaml")
    config.write_text(f"""
engine: {stage.engine}
listeners: [{{ name: l, bind: ["{here}"] }}]
pools: [{{ name: p, servers: [echo] }}]
""")
    proxy = stage.serve([], listen=["-"], config=config, wrapper=("/usr/bin/env", f"NOTIFY_SOCKET={manager.place}"))
    ready = ["READY=1", "STATUS=serving on 1 address"]
    assert manager.hears() == ready
    for text in (config.read_text(), "nonsense: 1"):
        config.write_text(text)
        before = time.monotonic_ns() // 1000
        proxy.signal(signal.SIGHUP)
        reloading, moment = manager.hears()
        assert reloading == "RELOADING=1" and moment.startswith("MONOTONIC_USEC=")
        assert before <= int(moment.partition("=")[2]) <= time.monotonic_ns() // 1000
        assert manager.hears() == ready


def test_a_service_manager_that_is_not_there_is_warned_of(stage):
    proxy = stage.serve("echo", wrapper=("/usr/bin/env", "NOTIFY_SOCKET=/nowhere/notify"))
    assert "WARNING the service manager at NOTIFY_SOCKET cannot be told: connect: " in proxy.output()


# The units

UNITS = Path(__file__).resolve().parents[2] / "deploy"


def test_the_units_are_good(tmp_path):
    program = tmp_path / "longsplice"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name in ("longsplice.service", "longsplice.socket"):
        text = (UNITS / name).read_text().replace("/usr/local/bin/longsplice", str(program))
        (tmp_path / name).write_text(text)
    try:
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                               tmp_path / "longsplice.service", tmp_path / "longsplice.socket"],
                              capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("systemd-analyze is not installed here")
    said = [line for line in (done.stdout + done.stderr).splitlines() if "longsplice" in line]
    assert done.returncode == 0 and not said, done.stdout + done.stderr
