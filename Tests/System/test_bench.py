"""`longsplice bench`: load through the proxy, verified byte by byte; and the whole of it on its own."""

import json
import re
import signal
import time

import pytest

from lab import NginxStream, endpoint
from processes import wait_until
from proxies import binary
from sizes import sized
from test_without_uring import strace

WORKLOADS = {
    "ledger": ["--total", sized(300, 20_000)],
    "churn": ["--total", sized(2_000, 200_000), "--source", "127.0.0.1-127.0.0.40"],
    "bulk": ["--duration", "1s", "--connections", "2"],
    "pingpong": ["--duration", "1s", "--rate", "500", "--warm-up", "200ms"],
    "idle": ["--duration", "1s", "--connections", "200"],
}


def start_peer(stage, address=None):
    address = address or endpoint(stage.lab.address("C"), 0)
    peer = stage.start("C", [binary(), "bench", "peer", "--listen", address])
    return peer, peer.wait_for_output(r"listening on (\S+)\n").group(1)


def run(stage, target, workload, *flags):
    """The exit status and every figure."""
    file = stage.lab.fresh_path(".json")
    done = stage.lab.run(
        "A", [binary(), "bench", "run", "--target", target, "--workload", workload, "--json", file,
              *flags], timeout=300, check=False)
    assert file.exists(), done.stdout + done.stderr
    return done, json.loads(file.read_text())


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_workload_through_the_proxy_is_verified(stage, workload):
    peer, address = start_peer(stage)
    proxy = stage.serve(address)
    done, report = run(stage, proxy.addresses[0], workload, *WORKLOADS[workload])
    assert done.returncode == 0 and report["ok"], done.stdout + done.stderr
    assert report["workload"] == workload and report["violations"] == []
    assert report["connections"]["opened"] == report["connections"]["finished"]
    assert report["reconciled"]["connections"] == report["connections"]["opened"] > 0
    assert report["bytes"]["up"] > 0 and report["seconds"] > 0
    if workload in ("pingpong", "churn"):
        assert 0 < report["latency_us"]["p50"] <= report["latency_us"]["p99"] <= report["latency_us"]["max"]
    assert "verdict      ok" in done.stdout
    assert peer.alive()


def test_a_real_network_and_two_peers_are_verified(wide_stage):
    stage = wide_stage
    addresses = [start_peer(stage)[1] for _ in range(2)]
    proxy = stage.serve(addresses, listen=endpoint(stage.lab.address("B", 6), 0))
    done, report = run(stage, proxy.addresses[0], "ledger", "--total", "200", "--threads", "2")
    assert done.returncode == 0 and report["ok"], done.stdout + done.stderr
    assert report["reconciled"]["connections"] == 200


def test_unix_sockets_are_verified_but_for_rst(stage):
    _, address = start_peer(stage, f"unix:{stage.lab.fresh_path('.sock')}")
    proxy = stage.serve(address, listen=f"unix:{stage.lab.fresh_path('.sock')}")
    done, report = run(stage, proxy.addresses[0], "ledger", "--total", "200")
    assert done.returncode == 0 and report["ok"], done.stdout + done.stderr


def test_the_same_seed_draws_the_same_plans(stage):
    _, address = start_peer(stage)
    proxy = stage.serve(address)
    reports = [run(stage, proxy.addresses[0], "churn", "--total", "300", "--seed", "7")[1]
               for _ in range(2)]
    assert reports[0]["ok"] and reports[1]["ok"]
    assert reports[0]["reconciled"]["plans"] == reports[1]["reconciled"]["plans"]


def test_a_signal_ends_a_run_early_and_it_reports(stage):
    _, address = start_peer(stage)
    proxy = stage.serve(address)
    file = stage.lab.fresh_path(".json")
    program = stage.start("A", [binary(), "bench", "run", "--target", proxy.addresses[0],
                                "--workload", "ledger", "--duration", "10m", "--json", file])
    time.sleep(1)
    program.signal(signal.SIGINT)
    assert program.wait(30) == 0, program.output()
    report = json.loads(file.read_text())
    assert report["ok"] and report["interrupted"] and report["connections"]["opened"] > 0


class TestWithoutLongsplice:
    """These need no proxy of ours, and so no engine."""

    @pytest.fixture
    def engine(self):
        return "auto"

    def test_a_relay_without_half_close_is_found_out(self, stage):
        """nginx closes both ways at the first FIN, unless it is told otherwise."""
        _, address = start_peer(stage)
        listen = endpoint(stage.lab.address("B"), stage.lab.free_port("B"))
        with NginxStream(stage.lab, "B", listen, address, half_close=False):
            flags = ["--total", "40", "--seed", "1", "--patience", "3s"]
            done, report = run(stage, listen, "ledger", "--plans", "fin-early,both", *flags)
        assert done.returncode == 1 and not report["ok"]
        assert "missing_bytes" in report["violation_kinds"]
        assert re.search(r"connection \d+ (up|down), seen by the (client|peer): missing bytes at byte \d+",
                         done.stdout)
        assert "--seed 1 --only" in done.stdout

    def test_nobody_at_the_target_is_a_failure_and_not_a_hang(self, stage):
        port = stage.lab.free_port("B")
        done, report = run(stage, endpoint(stage.lab.address("B"), port), "churn",
                           "--total", "3", "--patience", "1s")
        assert done.returncode == 1 and not report["ok"]
        assert report["violation_kinds"] == {"connect_failed": 3}

    @pytest.mark.parametrize("flags", [
        ["run"], ["run", "--target", "x"], ["run", "--target", "127.0.0.1:1", "--workload", "x"],
        ["run", "--target", "127.0.0.1:1", "--plans", "both,x"], ["peer"],
        ["run", "--target", "127.0.0.1:1", "--plans", "both=0"],
        ["run", "--target", "127.0.0.1:1", "--source", "127.0.0.9-127.0.0.1"], ["x"],
        ["run", "--target", "127.0.0.1:1", "--workload", "idle", "--warm-up", "1s"],
    ], ids=" ".join)
    def test_bad_flags_are_answered_by_one_line(self, stage, flags):
        done = stage.lab.run("A", [binary(), "bench", *flags], check=False)
        assert done.returncode == 64
        assert done.stderr.startswith("longsplice: ") and done.stderr.count("\n") == 1

    def test_alone_it_measures_every_path_and_leaves_nothing_behind(self, stage):
        started = time.monotonic()
        done = stage.lab.run("A", [binary(), "bench"], timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert time.monotonic() - started < 100, "it promises under a minute; a busy machine gets more"
        rows = [line.split()[:2] for line in done.stdout.splitlines()[1:]]
        assert rows == [[workload, path] for workload in ("ledger", "bulk", "pingpong", "churn", "idle")
                        for path in ("direct", "uring", "epoll")]
        assert len(done.stderr.splitlines()) >= 15, "a line of progress for each step"
        wait_until(lambda: not relays(stage), 5, "the relays to be gone")

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    def test_alone_it_leaves_nothing_behind_when_it_is_ended(self, stage, number):
        program = stage.start("A", [binary(), "bench"])
        program.wait_for_output("2/15")
        wait_until(lambda: len(relays(stage)) == 2, 5, "two relays")
        program.signal(number)
        assert program.wait(20) != 0
        wait_until(lambda: not relays(stage), 5, "the relays to be gone")

    def test_alone_it_says_where_io_uring_does_not_work(self, stage):
        program = stage.start("A", [*strace("EPERM", "/dev/null"), binary(), "bench"])
        program.wait_for_output("3/15", 30)
        program.signal(signal.SIGINT)
        program.wait(20)
        assert re.search(r"ledger +uring +does not work here .*EPERM", program.output()), program.output()


def relays(stage):
    """The processes of the lab's namespace that serve."""
    found = []
    for pid in stage.lab.run("A", ["sh", "-c", "ip netns pids $(ip netns identify $$)"]).stdout.split():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"\0serve\0" in file.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found
