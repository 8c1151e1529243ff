"""Fixtures: a lab per file, a stage per test, both engines for every test that takes a stage."""

import ctypes
import errno
import os
import signal
import sys
from pathlib import Path

import pytest

import acceptance
from invariants import KernelLog
from lab import Lab
from proxies import binary
from stage import Stage


def pytest_configure(config):
    config.addinivalue_line("markers", "matrix(id, trials=1): stands for a row of the acceptance matrix")
    config.pluginmanager.register(acceptance.Matrix(), "acceptance")
    if os.geteuid() != 0:
        pytest.exit("the system tests build network namespaces and need root", 2)
    if not os.access(binary(), os.X_OK):
        pytest.exit(f"no program at {binary()}: run `swift build -c release` first, "
                    "or name one in LONGSPLICE_BIN", 2)


def _uring_refusal():
    """Why the kernel refuses io_uring here, or None."""
    libc = ctypes.CDLL(None, use_errno=True)
    io_uring_setup, params = 425, (ctypes.c_char * 120)()
    ring = libc.syscall(io_uring_setup, 1, params)
    if ring < 0:
        return errno.errorcode[ctypes.get_errno()]
    os.close(ring)
    return None


def pytest_sessionstart(session):
    """A terminated run unwinds, so that its labs are torn down; the present test is its last. Whoever shares the tests out
    tells those that run them, which would be killed in the midst of it otherwise."""
    def unwind(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        session.shouldfail = "terminated"
        if session.config.pluginmanager.hasplugin("dsession"):
            for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
                os.kill(int(pid), signal.SIGTERM)
        sys.exit("terminated")
    signal.signal(signal.SIGTERM, unwind)


@pytest.fixture(scope="session")
def kernel_log():
    log = KernelLog()
    if log.refusal:
        print(f"the kernel's log is not watched: /dev/kmsg says {log.refusal}", file=sys.stderr)
    return log


@pytest.fixture(autouse=True)
def _no_alarm_in_the_kernel(kernel_log):
    """All tests that run at that moment are told of an alarm."""
    yield
    alarms = kernel_log.alarms()
    assert not alarms, "\n".join(alarms)


@pytest.fixture(scope="session")
def uring_works():
    if refusal := _uring_refusal():
        pytest.skip(f"io_uring_setup fails with {refusal} on this machine")


@pytest.fixture(params=["uring", "epoll"])
def engine(request):
    if request.param == "uring":
        request.getfixturevalue("uring_works")
    return request.param


@pytest.fixture(scope="module")
def lab():
    """One namespace: enough where only sockets matter."""
    with Lab(alone=True) as lab:
        yield lab


@pytest.fixture(scope="module")
def network():
    """Three namespaces and Ethernet between them: real segment sizes, IPv4 and IPv6."""
    with Lab() as lab:
        yield lab


@pytest.fixture
def stage(lab, engine, staging):
    yield from staging(Stage(lab, engine))


@pytest.fixture
def wide_stage(network, engine, staging):
    yield from staging(Stage(network, engine))


@pytest.fixture
def staging(request):
    """Gives a stage to the test, and looks back when the test is over."""
    def staged(stage):
        try:
            yield stage
        finally:
            stage.close(failed=request.node.stash.get(_FAILED, False))
    return staged


_FAILED = pytest.StashKey()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        item.stash[_FAILED] = True
