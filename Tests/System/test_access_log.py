"""The access log: one record for each accepted connection, whatever becomes of it and of the log."""

import contextlib
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

import records
from lab import endpoint
from peers import exchange, expect_fin, expect_reset, finish, parse, reset, together
from processes import wait_until
from records import SocketReader
from sizes import KiB, sized
from streams import Reader, Writer
from test_closing import ordered
from test_upstreams import expect_refusal, refusing, silent, time_until_closed

QUEUE = 8192
"""Records that wait for the log at most, for each worker."""


def logged_bridge(stage, *flags, **options):
    path = stage.lab.fresh_path(".access")
    return stage.bridge("--access-log", path, *flags, **options), path


def logged_proxy(stage, upstreams, *flags, **options):
    path = stage.lab.fresh_path(".access")
    return stage.serve(upstreams, "--access-log", path, *flags, **options), path


def the_record(path):
    return records.wait_for(path, 1)[0]


def expect(record, **values):
    assert {name: record[name] for name in values} == values


# Each way to end

@pytest.mark.parametrize("first", ["client", "server"])
def test_a_pair_that_finishes_is_recorded_with_all_it_was(stage, first):
    bridge, path = logged_bridge(stage)
    before = time.time()
    client, server = bridge.pair()
    name = endpoint(*client.getsockname()[:2])
    together(lambda: Writer(client).write(100 * KiB + 1), lambda: Reader(server).read(100 * KiB + 1))
    time.sleep(0.1)
    together(lambda: Writer(server).write(300 * KiB + 7), lambda: Reader(client).read(300 * KiB + 7))
    time.sleep(0.1)
    early, late = ordered((client, server), first)
    finish(early)
    expect_fin(late)
    finish(late)
    expect_fin(early)

    record = the_record(path)
    expect(record, listener=bridge.proxy.addresses[0], client=name, upstream=bridge.listener.address,
           attempts=1, bytes_up=100 * KiB + 1, bytes_down=300 * KiB + 7, engine=stage.engine,
           relay="adaptive", end="fin", ended_by="client" if first == "client" else "upstream")
    # 64 KiB at once are bulk where they come at once; on a busy machine it may also have been quiet before the end.
    ways = ("copy:new", "splice:bulk", "copy:small", "copy:quiet")
    assert record["relay_up"] in ways and record["relay_down"] in ways
    assert re.fullmatch(r"\d+-0", record["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["time"])
    moment = subprocess.run(["date", "-d", record["time"], "+%s"], capture_output=True, text=True,
                            check=True, timeout=5).stdout
    assert before - 2 <= int(moment) <= time.time() + 1
    assert 0 <= record["connect_ms"] <= record["first_byte_ms"] <= record["total_ms"] < 60_000
    assert record["first_byte_ms"] >= 90 and record["total_ms"] >= 190


@pytest.mark.parametrize("who", ["client", "server"])
def test_a_reset_is_recorded_with_who_reset(stage, who):
    bridge, path = logged_bridge(stage)
    culprit, victim = ordered(bridge.pair(), who)
    exchange(culprit, victim, b"four")
    reset(culprit)
    expect_reset(victim)
    expect(the_record(path), end="reset", ended_by="client" if who == "client" else "upstream",
           bytes_up=4, bytes_down=4)


def test_an_idle_pair_is_recorded_as_such(stage):
    bridge, path = logged_bridge(stage, "--idle-timeout", "300ms")
    client, _ = bridge.pair()
    expect_reset(client, 3)
    expect(the_record(path), end="idle_timeout", ended_by="longsplice", bytes_up=0, bytes_down=0,
           first_byte_ms=None)


@pytest.mark.parametrize("first", ["client", "server"])
def test_a_half_closed_silent_pair_is_recorded_as_such(stage, first):
    bridge, path = logged_bridge(stage, "--fin-timeout", "300ms")
    early, late = ordered(bridge.pair(), first)
    finish(early)
    expect_fin(late)
    expect_reset(late, 3)
    expect(the_record(path), end="fin_timeout", ended_by="longsplice")


def test_a_refusal_is_recorded_with_the_last_upstream_that_was_tried(stage):
    upstreams = [refusing(stage), refusing(stage)]
    proxy, path = logged_proxy(stage, upstreams, "--workers", "1")
    expect_refusal(stage, proxy)
    expect(the_record(path), end="refused", ended_by="upstream", attempts=2, upstream=upstreams[1],
           connect_ms=None, first_byte_ms=None)


def test_a_silent_upstream_is_recorded_as_a_timeout(wide_stage):
    proxy, path = logged_proxy(wide_stage, silent(wide_stage), "--connect-timeout", "300ms")
    time_until_closed(wide_stage.connect(proxy.addresses[0]))
    record = the_record(path)
    expect(record, end="connect_timeout", ended_by="longsplice", attempts=1, connect_ms=None)
    assert record["total_ms"] >= 250


def test_an_unreachable_upstream_is_recorded_as_such(stage):
    stage.lab.run("B", ["ip", "route", "replace", "unreachable", "192.0.2.0/24"])
    proxy, path = logged_proxy(stage, "192.0.2.1:9")
    time_until_closed(stage.connect(proxy.addresses[0]))
    expect(the_record(path), end="unreachable", ended_by="upstream", upstream="192.0.2.1:9")


def test_a_lack_of_ports_is_recorded_as_such(wide_stage):
    bridge, path = logged_bridge(wide_stage, "--workers", "1")
    wide_stage.lab.sysctl("B", "net.ipv4.ip_local_port_range", "61000 61001")
    try:
        clients = [wide_stage.connect(bridge.proxy.addresses[0]) for _ in range(8)]
        for client in clients[:2]:
            assert client
        wait_until(lambda: path.read_text(), 5, "a record of the connections without a port")
        found, _ = records.read(path)
        assert {(record["end"], record["ended_by"]) for record in found} == {("no_port", "longsplice")}
    finally:
        wide_stage.lab.sysctl("B", "net.ipv4.ip_local_port_range", "1024 65535")


def test_a_unix_client_has_a_record_too(stage):
    listen = f"unix:{stage.lab.fresh_path('.sock')}"
    bridge, path = logged_bridge(stage, listen=listen)
    client, server = bridge.pair()
    exchange(client, server)
    client.close()
    server.close()
    expect(the_record(path), listener=listen, client="unix:", end="fin")


def test_a_client_that_has_gone_before_it_was_accepted_is_recorded_too(stage):
    """Its address cannot be asked for any more, or can: never is it the end of the proxy."""
    bridge, path = logged_bridge(stage)
    bridge.proxy.signal(signal.SIGSTOP)
    for _ in range(5):
        reset(stage.connect(bridge.proxy.addresses[0]))
    bridge.proxy.signal(signal.SIGCONT)
    bridge.proxy.counters_once(accepted=5, closed=5)
    wait_until(lambda: len(records.read(path)[0]) == 5, 5, "five records")


@pytest.mark.matrix("D8")
def test_what_a_drain_cuts_is_recorded_before_the_end(stage):
    bridge, path = logged_bridge(stage, "--drain-timeout", "300ms")
    count = sized(200, 2000)
    pairs = [bridge.pair() for _ in range(count)]
    exchange(*pairs[0])
    bridge.proxy.signal(signal.SIGTERM)
    assert bridge.proxy.wait(10) == 0
    found, dropped = records.read(path)
    assert len(found) == count and dropped == 0
    assert {(record["end"], record["ended_by"]) for record in found} == {("drain", "longsplice")}


def test_text_is_for_people(stage):
    bridge, path = logged_bridge(stage, "--access-log-format", "text")
    client, server = bridge.pair()
    exchange(client, server, b"12345")
    client.close()
    expect_fin(server)
    server.close()
    line = wait_until(lambda: path.exists() and path.read_text(), 5, "a line")
    assert re.fullmatch(r"\S+Z id=\d+-0 listener=\S+:\d+ client=\S+:\d+ proxy=- upstream=\S+:\d+ attempts=1 "
                        r"bytes_up=5 bytes_down=5 connect_ms=\d+ first_byte_ms=\d+ total_ms=\d+ "
                        rf"engine={stage.engine} relay=adaptive relay_up=copy:new relay_down=copy:new ended_by=client end=fin\n", line)


def test_without_the_flag_there_are_no_records(stage):
    bridge = stage.bridge()
    client, server = bridge.pair()
    exchange(client, server)
    assert bridge.proxy.counters()["records"] == 0


# Many

def churn(stage, proxy, count):
    """Connections that send one byte to the echo server and end in different ways."""
    with stage.lab.inside("A"):
        family, target = parse(proxy.addresses[0])
        for number in range(count):
            with socket.socket(family) as sock:
                sock.connect(target)
                sock.sendall(b"x")
                assert sock.recv(1) == b"x"
                if number % 3 == 0:
                    reset(sock)


@pytest.mark.matrix("D8")
def test_thousands_of_connections_have_as_many_records(stage):
    proxy, path = logged_proxy(stage, "echo")
    count = sized(1000, 10_000)
    together(*[lambda: churn(stage, proxy, count)] * 3)
    counters = proxy.counters_once(accepted=3 * count, closed=3 * count, records=3 * count, records_dropped=0)
    found = records.wait_for(path, 3 * count)
    assert sum(record["bytes_up"] for record in found) == counters["bytes_up"] == 3 * count
    assert sum(record["bytes_down"] for record in found) == counters["bytes_down"]
    assert {record["end"] for record in found} == {"fin", "reset"}


@pytest.mark.matrix("D8")
def test_rotation_under_load_loses_no_record(stage):
    proxy, path = logged_proxy(stage, "echo")
    count = sized(1500, 10_000)
    old = []

    def rotate():
        for number in range(10):
            time.sleep(0.05)
            moved = path.with_suffix(f".{number}")
            path.rename(moved)
            old.append(moved)
            proxy.signal(signal.SIGUSR2)
            wait_until(path.exists, 5, "the new file")

    together(lambda: churn(stage, proxy, count), lambda: churn(stage, proxy, count), rotate)
    proxy.counters_once(accepted=2 * count, closed=2 * count, records=2 * count, records_dropped=0)
    assert proxy.stop() == 0
    found = []
    for file in [*old, path]:
        # Each file by itself: no line is torn between two of them.
        found += records.read(file)[0]
    assert len(found) == len({record["id"] for record in found}) == 2 * count
    assert stat.S_IMODE(path.stat().st_mode) & 0o137 == 0, "readable by owner and group only"


def test_where_no_new_file_can_be_opened_the_old_one_is_kept(stage):
    directory = stage.lab.fresh_path(".d")
    directory.mkdir()
    path = directory / "access"
    bridge = stage.bridge("--access-log", path)
    moved = stage.lab.fresh_path(".moved")
    path.rename(moved)
    directory.rmdir()
    bridge.proxy.signal(signal.SIGUSR2)
    bridge.proxy.process.wait_for_output("WARNING the access log .* goes on in the old file", 5)
    client, server = bridge.pair()
    client.close()
    server.close()
    records.wait_for(moved, 1)


def test_usr2_without_an_access_log_is_harmless(stage):
    bridge = stage.bridge()
    bridge.proxy.signal(signal.SIGUSR2)
    exchange(*bridge.pair())


# Sinks

def test_standard_output_gets_the_records(stage):
    bridge = stage.bridge("--access-log", "-")
    client, server = bridge.pair()
    exchange(client, server)
    client.close()
    server.close()
    bridge.proxy.process.wait_for_output(r'^\{"time":.*"end":"fin"\}$', 5)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["stream", "datagram"])
def test_a_unix_socket_gets_the_records_and_a_new_reader_the_next_ones(stage, kind):
    path = stage.lab.fresh_path(".log")
    reader = stage.keep(SocketReader(path, kind))
    proxy = stage.serve("echo", "--access-log", f"unix:{path}")
    churn(stage, proxy, 50)
    wait_until(lambda: len(records.parse(reader.text())[0]) == 50, 5, "50 records")
    reader.close()
    time.sleep(0.2)
    churn(stage, proxy, 5)
    again = stage.keep(SocketReader(path, kind))
    wait_until(lambda: len(records.parse(again.text())[0]) == 5, 5, "5 records after the reader came back")
    churn(stage, proxy, 20)
    wait_until(lambda: len(records.parse(again.text())[0]) == 25, 5, "20 more")
    proxy.counters_once(records=75, records_dropped=0)


class Stuck:
    """A sink that takes nothing until it is told to, for each kind of sink."""

    def __init__(self, stage, kind):
        self.stage, self.kind = stage, kind
        self.path = stage.lab.fresh_path(".sink")
        self.wrapper = ()
        if kind == "fifo":
            os.mkfifo(self.path)
            self.flag = self.path
        elif kind == "pipe":
            os.mkfifo(self.path)
            # Opened for both, so that starting waits for nobody.
            self.flag, self.wrapper = "-", ["bash", "-c", f'exec "$@" 1<>{self.path}', "-"]
        else:
            self.flag = f"unix:{self.path}"
            self.reader = stage.keep(SocketReader(self.path))

    def stop(self):
        if self.kind == "socket":
            self.reader.stop()

    def go_on(self):
        """From here on everything is read; returns what there is to read."""
        if self.kind == "socket":
            self.reader.go_on()
            return self.reader.text
        # Opened here, so that the end of the proxy is not yet the end of what is in the pipe.
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        pieces = []

        def read():
            with contextlib.suppress(OSError):
                while True:
                    with contextlib.suppress(BlockingIOError):
                        pieces.append(os.read(descriptor, 65536))
                    time.sleep(0.001)

        threading.Thread(target=read, daemon=True).start()
        return lambda: b"".join(pieces).decode()


@pytest.mark.matrix("D8")
@pytest.mark.parametrize("kind", sized(["pipe", "socket"], ["fifo", "pipe", "socket"]))
def test_a_sink_that_takes_nothing_costs_records_and_never_the_service(stage, kind):
    sink = Stuck(stage, kind)
    # Connections beyond the first are refused at once: the quickest records there are.
    proxy = stage.serve("echo", "--workers", "1", "--max-connections-per-client", "1",
                        "--access-log", sink.flag, wrapper=sink.wrapper)
    sink.stop()
    client = stage.connect(proxy.addresses[0])
    family, target = parse(proxy.addresses[0])
    count, slowest = QUEUE + 1500, 0.0
    with stage.lab.inside("A"):
        for number in range(count):
            with socket.socket(family) as sock, contextlib.suppress(ConnectionResetError):
                sock.connect(target)
                sock.recv(1)
            if number % 100 == 0:
                started = time.monotonic()
                client.sendall(b"ping")
                assert client.recv(4) == b"ping"
                slowest = max(slowest, time.monotonic() - started)
    assert slowest < 1.0, f"the data path waited {slowest:.3f} s"
    counters = proxy.counters_once(accepted=count + 1, closed=count, refused_per_client=count)
    assert counters["records_dropped"] > 500
    assert counters["records"] + counters["records_dropped"] == count
    said = wait_until(lambda: re.findall(r"WARNING.*a record was dropped.*", proxy.output()), 3)
    assert len(said) < 30, "one warning a second at most"

    text = sink.go_on()

    def told():
        complete = text().rpartition("\n")[0]
        found, dropped = records.parse(complete + "\n" if complete else "")
        return len(found) == counters["records"] and dropped == counters["records_dropped"]

    wait_until(told, 10, "what was queued, and how many were dropped")
    client.close()
    proxy.counters_once(active=0)
    wait_until(lambda: records.parse(text())[0][-1]["end"] == "fin", 5, "the last record")


def test_a_full_disk_is_told_and_written_again_once_there_is_room(stage):
    folder = stage.lab.fresh_path(".disk")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "longsplice-test", folder], check=True, timeout=10)
    try:
        path = folder / "access"
        proxy = stage.serve("echo", "--access-log", path)
        churn(stage, proxy, 150)
        proxy.process.wait_for_output(r"WARNING the access log .*ENOSPC", 5)
        churn(stage, proxy, 10)
        subprocess.run(["mount", "-o", "remount,size=1m", folder], check=True, timeout=10)
        proxy.process.wait_for_output("INFO the access log .* is written again", 10)
        # All of them, and whole: the line that was written in part has been finished.
        records.wait_for(path, 160)
        assert proxy.stop() == 0
    finally:
        subprocess.run(["umount", "-l", folder], check=False, timeout=10)


def test_a_file_that_may_not_grow_is_told_and_does_not_end_the_proxy(stage):
    """RLIMIT_FSIZE sends SIGXFSZ to whoever writes beyond it."""
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (32 * KiB, 32 * KiB))

    proxy, _ = logged_proxy(stage, "echo", limits=small_files)
    churn(stage, proxy, 200)
    proxy.process.wait_for_output(r"WARNING the access log .*EFBIG", 5)
    churn(stage, proxy, 10)


def test_a_sink_that_never_takes_anything_does_not_keep_the_process(stage):
    proxy = stage.serve("echo", "--access-log", "/dev/full")
    churn(stage, proxy, 10)
    proxy.process.wait_for_output(r"WARNING the access log /dev/full cannot be written: .*ENOSPC", 5)
    started = time.monotonic()
    proxy.signal(signal.SIGTERM)
    assert proxy.wait(10) == 0
    assert time.monotonic() - started < 5
    assert re.search(r"WARNING the access log could not be written to its end lost=10", proxy.output())


# Strangers' bytes

UGLY = [b"new\nline", b'"quoted"\\', b"\xff\xfe invalid \xc3", b"\x1b[2J\x07", b"\xe2\x80\xae turned",
        b" spaces = and \t tabs"]


@pytest.mark.matrix("C8")
@pytest.mark.parametrize("format", ["json", "text"])
def test_no_name_can_break_a_line(stage, format):
    """Paths of the listener, the upstream and the clients, which may hold any byte but zero."""
    listen = f"unix:{stage.lab.fresh_path()} listen\n{{\"time\":1}}"
    upstream = f"unix:{stage.lab.fresh_path()}\x1b[2J\"up\\"
    bridge, path = logged_bridge(stage, "--access-log-format", format, listen=listen, upstream=upstream)
    for number, ugly in enumerate(UGLY):
        own = bytes(stage.lab.fresh_path()) + ugly
        with socket.socket(socket.AF_UNIX) as client:
            client.bind(own)
            client.connect(listen.removeprefix("unix:"))
            server = stage.keep(bridge.listener.accept())
            exchange(client, server)
        server.close()
    if format == "text":
        wait_until(lambda: path.exists() and path.read_bytes().count(b"\n") >= len(UGLY), 5)
        lines = path.read_bytes().decode().split("\n")
        assert len(lines) == len(UGLY) + 1 and lines.pop() == ""
        for line in lines:
            assert line.endswith("end=fin") and line.isprintable(), line
        return
    found = records.wait_for(path, len(UGLY))
    assert {record["listener"] for record in found} == {listen}
    assert {record["upstream"] for record in found} == {upstream}
    for ugly in UGLY:
        shown = ugly.decode(errors="replace")
        if ugly.isascii():
            assert any(record["client"].endswith(shown) for record in found), shown
    assert all(line.isprintable() for line in path.read_text().splitlines())
