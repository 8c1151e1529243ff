"""A proxy that is stopped and continued all the time, as a debugger, a freezer or a batch system does."""

import contextlib
import os
import signal
import threading

import pytest

from acceptance import CONTROLS
from ledger import SOURCES, run_bench, start_peer
from sizes import sized

SECONDS = sized(6, 20, 40)


@pytest.mark.matrix("A1")
def test_stopping_and_continuing_under_load_keeps_the_ledger(relay_stage, tally):
    """A stop interrupts what runs on the kernel's threads too: a splice there then says -ERESTARTSYS, a
    number that user space is never meant to see."""
    stage = relay_stage
    proxy, over = stage.serve(start_peer(stage), "--workers", "1"), threading.Event()

    def disturb():
        while not over.wait(0.15):
            send(signal.SIGSTOP)
            over.wait(0.1)
            send(signal.SIGCONT)

    def send(number):
        for pid in proxy.process.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    disturbance = threading.Thread(target=disturb)
    disturbance.start()
    try:
        report = run_bench(stage, proxy, "ledger", "--duration", f"{SECONDS}s", "--connections", "24",
                           "--size", "300KiB", "--patience", "10s", *SOURCES, lenient=stage.engine in CONTROLS)
    finally:
        over.set()
        disturbance.join()
    tally.count(report["connections"]["finished"])
    tally.note(f"stopped and continued: {report['connections']['finished']} connections, seed {report['seed']}")
