"""Where the kernel refuses io_uring: `auto` falls back and says why, `uring` refuses and says why.

strace makes io_uring_setup fail, as container runtimes and sysctls do.
"""

import re
import time

import pytest

from lab import endpoint
from peers import exchange
from proxies import binary

REFUSALS = ["EPERM", "ENOSYS", "ENOMEM"]


@pytest.fixture
def engine():
    """These tests choose their engine themselves."""
    return "auto"


def strace(error, record):
    """The tracer is a grandchild (-D), so that the process and its signals are the proxy's own."""
    return ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", record,
            "-e", "trace=io_uring_setup,socket,bind,listen",
            "-e", f"inject=io_uring_setup:error={error}"]


def sentences(text):
    return [line for line in text.splitlines() if "io_uring" in line]


@pytest.mark.matrix("B12")
@pytest.mark.parametrize("error", REFUSALS)
def test_auto_serves_on_epoll_and_says_why(stage, error):
    bridge = stage.bridge(wrapper=strace(error, "/dev/null"))
    exchange(*bridge.pair())
    said = sentences(bridge.proxy.output())
    assert len(said) == 1, said
    assert "epoll" in said[0]


@pytest.mark.matrix("B12")
@pytest.mark.parametrize("error", REFUSALS)
def test_uring_refuses_within_a_second_and_opens_no_port(stage, error):
    record = stage.lab.fresh_path(".strace")
    started = time.monotonic()
    done = stage.lab.run(
        "B", [*strace(error, record), binary(), "serve", "--engine", "uring",
              "--listen", endpoint(stage.lab.address("B"), 0), "--upstream", "echo"],
        timeout=10, check=False)
    assert time.monotonic() - started < 2, "1 s for the program, 1 s for strace"
    assert done.returncode not in (0, 64)
    assert len(sentences(done.stderr)) == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    calls = record.read_text()
    assert "io_uring_setup(" in calls
    assert not re.search(r"\b(listen|bind)\(.*= 0", calls), calls


@pytest.mark.parametrize("error", REFUSALS)
def test_the_doctor_reports_the_refusal(stage, error):
    done = stage.lab.run(
        "B", [*strace(error, "/dev/null"), binary(), "doctor"], timeout=10, check=False)
    assert done.returncode != 0
    assert "io_uring" in done.stdout + done.stderr


def test_the_doctor_is_content_with_this_machine(stage):
    done = stage.lab.run("B", [binary(), "doctor"], timeout=10, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
