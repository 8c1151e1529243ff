"""A kernel that refuses io_uring by a seccomp filter or for want of locked memory; clocks about to wrap."""

import re
import resource
import signal
import sys
import time

import pytest

import seccomp
from injection import strace
from lab import endpoint
from ledger import run_ledger
from ordinary import AS_ORDINARY_USER, give_directory
from peers import exchange, expect_fin, finish, time_until_reset
from proxies import binary
from sizes import sized
from stage import Stage

# B12

FILTER = (sys.executable, seccomp.__file__)
REFUSALS = {
    "seccomp says EPERM": lambda: [*FILTER, "errno", seccomp.IO_URING_SETUP],
    "io_uring_setup says EPERM": lambda: strace("io_uring_setup:error=EPERM", calls="io_uring_setup"),
    "io_uring_setup says ENOSYS": lambda: strace("io_uring_setup:error=ENOSYS", calls="io_uring_setup"),
    "io_uring_setup says ENOMEM": lambda: strace("io_uring_setup:error=ENOMEM", calls="io_uring_setup"),
    "no probe": lambda: strace("io_uring_register:error=EINVAL", calls="io_uring_register"),
}


@pytest.fixture
def auto_stage(lab, staging):
    give_directory(lab)
    yield from staging(Stage(lab, "auto", AS_ORDINARY_USER))


@pytest.mark.matrix("B12")
@pytest.mark.parametrize("refusal", REFUSALS)
def test_the_fallback_keeps_the_ledger_where_io_uring_is_refused(auto_stage, tally, refusal):
    """Duplex integrity, half-closes and resets on what `auto` falls back to."""
    proxy, report = run_ledger(auto_stage, total=sized(100, 500), connections=16,
                               wrapper=REFUSALS[refusal]())
    said = [line for line in proxy.output().splitlines() if "io_uring" in line]
    assert len(said) == 1 and "epoll" in said[0], said
    tally.count(report["connections"]["finished"])


@pytest.mark.matrix("B12")
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_required_ring_that_is_refused_ends_the_start_with_one_line(auto_stage, refusal):
    done, seconds = start_in_vain(auto_stage, REFUSALS[refusal](), "uring")
    assert seconds < 3, "1 s for the program, 2 s for its wrappers"
    assert done.returncode not in (0, 64) and done.returncode > 0
    assert len(done.stderr.splitlines()) == 1 and "io_uring" in done.stderr, done.stderr


@pytest.mark.matrix("B12")
@pytest.mark.parametrize("engine_wish", ["auto", "uring"])
def test_a_filter_that_kills_leaves_nothing_half_started(auto_stage, engine_wish):
    """Nobody can be told why; no port has been opened, and the supervisor sees SIGSYS. The way out is
    `--engine epoll`, which asks for no ring."""
    wrapper = [*FILTER, "kill", seccomp.IO_URING_SETUP]
    done, seconds = start_in_vain(auto_stage, wrapper, engine_wish)
    assert done.returncode == -signal.SIGSYS and seconds < 3
    assert "listening" not in done.stderr


@pytest.mark.matrix("B12")
def test_epoll_asked_for_by_name_makes_no_ring_at_all(auto_stage):
    """A filter that kills whoever tries kills nobody."""
    auto_stage.engine = "epoll"
    exchange(*auto_stage.bridge(wrapper=[*FILTER, "kill", seccomp.IO_URING_SETUP]).pair())


@pytest.mark.matrix("B12")
def test_no_locked_memory_is_no_obstacle_or_is_named(auto_stage):
    """Rings are not accounted as locked memory since Linux 5.12; where they are, `auto` falls back."""
    def no_locked_memory():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))

    bridge = auto_stage.bridge(limits=no_locked_memory)
    exchange(*bridge.pair())
    assert re.search(r"engine=uring", bridge.proxy.output()) or "io_uring" in bridge.proxy.output()


def start_in_vain(stage, wrapper, engine):
    started = time.monotonic()
    done = stage.lab.run(
        "B", [*AS_ORDINARY_USER, *wrapper, binary(), "serve", "--engine", engine,
              "--listen", endpoint(stage.lab.address("B"), 0), "--upstream", "echo"],
        timeout=10, check=False)
    return done, time.monotonic() - started


# B15

WRAPS = {"2^31 ms": 1 << 31, "2^32 ms": 1 << 32}
BEFORE = sized(1.5, 30)
"""Seconds before the wrap at which the proxy starts."""


@pytest.mark.matrix("B15")
@pytest.mark.parametrize("wrap", WRAPS)
def test_timeouts_across_a_wrap_of_the_milliseconds_are_neither_early_nor_late(stage, tally, wrap):
    """A time namespace in which the machine has been up for 24.8 or 49.7 days."""
    start = WRAPS[wrap] / 1000 - BEFORE
    offset = round(start - time.monotonic())
    wrapped_at = time.monotonic() + WRAPS[wrap] / 1000 - (time.monotonic() + offset)
    # The namespace has to be made with privilege, so before the wrapper that gives it away.
    stage.wrapper = ("unshare", "-T", f"--monotonic={offset}", *AS_ORDINARY_USER)
    bridge = stage.bridge("--idle-timeout", "2s", "--fin-timeout", "1s", "--workers", "1")
    listener = stage.listen()
    lasting = stage.serve(listener.address, "--idle-timeout", "1h")
    client = stage.connect(lasting.addresses[0])
    server = stage.keep(listener.accept())
    exchange(client, server)
    while time.monotonic() < wrapped_at + 2.5:
        expect_timeouts(bridge)
        tally.count(2)
    exchange(client, server, b"still here")


def expect_timeouts(bridge):
    idle, half = bridge.pair(), bridge.pair()
    exchange(*half)
    finish(half[0])
    expect_fin(half[1])
    started = time.monotonic()
    exchange(*idle)
    waited = time_until_reset(half[0], 5)
    assert 0.9 <= waited <= 1.7, f"the fin timeout of 1 s came after {waited:.2f} s"
    time_until_reset(idle[0], 5)
    total = time.monotonic() - started
    assert 1.9 <= total <= 2.8, f"the idle timeout of 2 s came after {total:.2f} s"
    for sock in (*idle, *half):
        sock.close()
