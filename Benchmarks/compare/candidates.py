"""Who is compared."""

import json
import os
import re
import shutil
import string
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from compare import ROOT, relays
from compare.errors import Refusal

DIRECT, OWN, PEER = "direct", "own", "peer"
NAME_LETTERS = set(string.ascii_letters + string.digits + "-._")


@dataclass
class Settings:
    """What making a relay takes besides its hosts."""
    longsplice: Path
    programs: dict = field(default_factory=dict)
    """Kind → path, of the peers that are built here."""


@dataclass(frozen=True)
class Candidate:
    name: str
    title: str
    kind: str
    make: Callable = None
    """(settings, lab, listen, upstream, pairs) → a relay that is not started yet; None is the direct way."""
    relay: str = None
    """The way of moving bytes that Longsplice has to know for this candidate."""
    relay_is_optional: bool = False
    needs: str = None
    """A program, or `go` or `nio`, which are built here."""
    program: Path = None
    """Of `--also`: a program of its own."""


LONGSPLICE_PAIRS = 3_000
"""Up to here Longsplice's own choice of --max-connections suffices under 20,000 descriptors."""


def _longsplice(engine, relay, workers=1):
    def make(settings, lab, listen, upstream, pairs):
        flags = ["--workers", str(workers)]
        if relay and relay in settings.programs.get("relays", ()):
            flags += ["--relay", relay]
        return relays.LongspliceRelay(lab, listen, upstream, settings.longsplice, engine, flags + _room(pairs))
    return make


def _room(pairs):
    return ["--max-connections", str(pairs + 8)] if pairs > LONGSPLICE_PAIRS else []


def _pool(engine):
    def make(settings, lab, listen, upstream, pairs):
        room = pairs + 8 if pairs > LONGSPLICE_PAIRS else None
        return relays.PoolRelay(lab, listen, upstream, settings.longsplice, engine, room)
    return make


def _haproxy(splice, threads):
    return lambda settings, lab, listen, upstream, pairs: relays.HAProxyRelay(lab, listen, upstream, splice, threads)


def _nginx(settings, lab, listen, upstream, pairs):
    return relays.NginxRelay(lab, listen, upstream)


def _go(settings, lab, listen, upstream, pairs):
    return relays.ProgramRelay(lab, listen, upstream, [settings.programs["go"]], {"GOMAXPROCS": "1"})


def _nio(settings, lab, listen, upstream, pairs):
    return relays.ProgramRelay(lab, listen, upstream, [settings.programs["nio"]])


def also(name, program, flags):
    """Another build of Longsplice, or other flags."""
    flags = list(flags)
    engine = "uring"
    if "--engine" in flags:
        place = flags.index("--engine")
        if place + 1 == len(flags):
            raise Refusal(f"--also {name}: --engine has no value; write uring or epoll behind it")
        engine = flags[place + 1]
        del flags[place:place + 2]
    if "--workers" not in flags:
        flags = ["--workers", "1", *flags]

    def make(_, lab, listen, upstream, pairs):
        room = [] if "--max-connections" in flags else _room(pairs)
        return relays.LongspliceRelay(lab, listen, upstream, program, engine, flags + room)
    return Candidate(name, f"{program} --engine {engine} {' '.join(flags)}", OWN, make, program=program)


EPOLL = "longsplice-epoll"
FORCED = "haproxy"
ALL = [
    Candidate("direct", "no relay: B forwards packets", DIRECT),
    Candidate("longsplice", "io_uring, --relay adaptive, 1 worker", OWN, _longsplice("uring", "adaptive"), "adaptive"),
    Candidate("longsplice-splice", "io_uring, --relay splice, 1 worker", OWN, _longsplice("uring", "splice"), "splice",
              relay_is_optional=True),
    Candidate("longsplice-copy", "io_uring, --relay copy, 1 worker", OWN, _longsplice("uring", "copy"), "copy"),
    Candidate(EPOLL, "epoll, --relay adaptive, 1 worker", OWN, _longsplice("epoll", "adaptive"), "adaptive",
              relay_is_optional=True),
    Candidate("longsplice-pool", "io_uring, a listener with limits and routes, a pool with limits, by a file", OWN,
              _pool("uring")),
    Candidate("longsplice-epoll-pool", "the same with epoll", OWN, _pool("epoll")),
    Candidate("longsplice-2", "io_uring, --relay adaptive, 2 workers", OWN, _longsplice("uring", "adaptive", 2),
              "adaptive", relay_is_optional=True),
    Candidate(FORCED, "HAProxy, splicing forced, 1 MiB pipes, 1 thread", PEER, _haproxy("forced", 1), needs="haproxy"),
    Candidate("haproxy-2", "the same with 2 threads", PEER, _haproxy("forced", 2), needs="haproxy"),
    Candidate("haproxy-auto", "HAProxy, splice-auto, 1 thread", PEER, _haproxy("auto", 1), needs="haproxy"),
    Candidate("haproxy-copy", "HAProxy, copying, 1 thread", PEER, _haproxy("none", 1), needs="haproxy"),
    Candidate("nginx", "nginx stream, 1 worker", PEER, _nginx, needs="nginx"),
    Candidate("nio", "SwiftNIO, 1 event loop", PEER, _nio, needs="nio"),
    Candidate("go", "Go's io.Copy, GOMAXPROCS=1", PEER, _go, needs="go"),
]
MAIN = ["direct", "longsplice", EPOLL, FORCED, "haproxy-copy", "nginx"]

STAND_IN = ("longsplice", "longsplice-splice")
"""Where the program knows no adaptive relay yet, splice stands for it in the tables of targets."""


def relays_of(longsplice):
    """The ways of moving bytes that the help of `serve` tells of."""
    done = subprocess.run([longsplice, "serve", "--help"], capture_output=True, text=True, timeout=20)
    section = re.search(r"^\s+--relay\b.*?(?=^\s+-|\Z)", done.stdout, re.MULTILINE | re.DOTALL)
    words = re.findall(r"[a-z]+", section.group()) if section else []
    return [relay for relay in ("adaptive", "splice", "copy") if relay in words]


def prepare(wanted, longsplice, say):
    """Find and build what the candidates need.

    Answers the candidates that can run, the settings to make them with, and what was skipped and why.
    """
    settings = Settings(longsplice)
    settings.programs["relays"] = relays_of(longsplice)
    runnable, skipped = [], {}
    wanted = list(wanted)
    for candidate in wanted:
        reason = _obstacle(candidate, settings, say)
        if reason is None:
            runnable.append(candidate)
            continue
        skipped[candidate.name] = reason
        say(f"skipped: {candidate.name}: {reason}")
        if candidate.name == STAND_IN[0] and not any(other.name == STAND_IN[1] for other in wanted):
            stand_in = next(other for other in ALL if other.name == STAND_IN[1])
            say(f"{stand_in.name} is measured in its place")
            wanted.append(stand_in)
    if not runnable:
        raise Refusal("none of the candidates can run; --list tells of others")
    return runnable, settings, skipped


def _obstacle(candidate, settings, say):
    if candidate.relay and candidate.relay not in settings.programs["relays"]:
        if not candidate.relay_is_optional:
            return f"{settings.longsplice} knows no --relay {candidate.relay}"
        say(f"{candidate.name} runs without --relay: {settings.longsplice} knows no --relay {candidate.relay}")
    if candidate.needs in ("go", "nio"):
        return _build(candidate.needs, settings, say)
    if candidate.needs and not shutil.which(candidate.needs):
        return f"there is no {candidate.needs} here; make bench installs it"
    return None


def _build(kind, settings, say):
    if kind in settings.programs:
        return None
    tool = {"go": "go", "nio": "swift"}[kind]
    if not shutil.which(tool):
        return f"there is no {tool} to build it with; make bench-full installs it"
    say(f"building the {kind} relay")
    script = ROOT / "Benchmarks" / "compare" / "peers" / "build.sh"
    done = subprocess.run(["sh", script, kind, ROOT / ".build" / "peers"], capture_output=True, text=True)
    if done.returncode != 0:
        return f"its build failed: {(done.stderr.strip().splitlines() or ['no reason was given'])[-1]}"
    settings.programs[kind] = Path(done.stdout.strip().splitlines()[-1])
    return None


# What they are

_VERSIONS = {
    "haproxy": ["haproxy", "-v"], "nginx": ["nginx", "-v"], "iperf3": ["iperf3", "--version"], "go": ["go", "version"],
}


def versions(runnable, longsplice):
    """Program → the first line in which it tells its version, for those that take part."""
    commands = {"longsplice": [longsplice, "--version"], "iperf3": _VERSIONS["iperf3"]}
    for candidate in runnable:
        if candidate.needs in _VERSIONS:
            commands[candidate.needs] = _VERSIONS[candidate.needs]
        if candidate.program:
            commands[candidate.name] = [candidate.program, "--version"]
    told = {name: _first_line(command) for name, command in commands.items()}
    if any(candidate.needs == "nio" for candidate in runnable):
        told["swift-nio"] = _nio_version()
    return told


def _first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20,
                              env={**os.environ, "LC_ALL": "C"})
    except OSError as error:
        return f"unknown: {error}"
    return (done.stdout + done.stderr).strip().partition("\n")[0]


def _nio_version():
    pins = ROOT / "Benchmarks" / "compare" / "peers" / "nio" / "Package.resolved"
    try:
        every = json.loads(pins.read_text())["pins"]
        return next(pin["state"]["version"] for pin in every if pin["identity"] == "swift-nio")
    except (OSError, KeyError, StopIteration, ValueError):
        return "unknown: Package.resolved does not tell"
