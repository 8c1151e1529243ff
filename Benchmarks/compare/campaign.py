"""Rounds in which the candidates take turns."""

import datetime
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from compare import candidates
from compare.errors import Failure, WrongBytes
from compare.figures import Results, Run
from compare.hosts import Hosts
from compare.scene import Scene


def say(text):
    print(text, file=sys.stderr, flush=True)


def order(names, number):
    """Who is when in a round: the same order, begun one further each round, so that nobody is always first."""
    start = number % len(names)
    return names[start:] + names[:start]


def run(options, write):
    """Everything that was asked for. `write` is given the results after each workload and at an early end."""
    runnable, settings, skipped = candidates.prepare(options.candidates, options.longsplice, say)
    results = Results(runnable, options.workloads, _described(runnable, options), skipped,
                      {"rounds": options.rounds, "seconds": options.seconds, "congestion": options.congestion,
                       "split": options.split})
    try:
        for workload in options.workloads:
            taking_part = [candidate for candidate in runnable if candidate.make or not workload.needs_relay]
            if taking_part:
                _rounds(workload, taking_part, settings, options, results)
                write(results)
    finally:
        if results.runs:
            write(results)
    return results


def _rounds(workload, taking_part, settings, options, results):
    for number in range(options.rounds):
        for place, candidate in enumerate(order(taking_part, number)):
            started = time.monotonic()
            done = _run(workload, candidate, settings, options, number, place)
            results.add(done)
            key = workload.shown[0]
            said = f"FAILED: {done.error}" if done.error else f"{key} {done.figures[key]:.4g}"
            say(f"{workload.name}, round {number + 1} of {options.rounds}, {candidate.name}: {said} "
                f"({time.monotonic() - started:.1f} s)")
            for warning in done.warnings:
                say(f"  warning: {warning}")


def _run(workload, candidate, settings, options, number, place):
    """One turn; whatever goes wrong in it becomes its outcome."""
    done = Run(workload.name, candidate.name, number + 1, place, {}, [], None)
    try:
        with Hosts(options.congestion, options.split) as hosts:
            scene = Scene(hosts, candidate, settings, options.generator, options.seconds, workload.pairs)
            done.warnings = scene.warnings
            done.figures = workload.run(scene)
            scene.expect_relay()
            done.verified = True if workload.is_verified else None
    except (Failure, RuntimeError, OSError, subprocess.SubprocessError, LookupError, ValueError) as error:
        done.error = f"{type(error).__name__ + ': ' if not isinstance(error, Failure) else ''}{error}".strip()
        done.verified = False if isinstance(error, WrongBytes) else None
    return done


def _described(runnable, options):
    return {**machine(), "versions": candidates.versions(runnable, options.longsplice)}


def machine():
    """Where and when."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "kernel": platform.release(), "architecture": platform.machine(), "cores": os.cpu_count(),
        "processor": _processor(),
    }


def _processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"
