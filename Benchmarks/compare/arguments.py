"""What the command line says, and clear answers where it says nothing sensible."""

import argparse
import difflib
import os
import shlex
import time
from pathlib import Path

from compare import ROOT, candidates, workloads
from compare.errors import Refusal
from compare.hosts import CONGESTION


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Refusal(f"{message}; --help tells the flags")


def parse(argv):
    parser = Parser(prog="compare", allow_abbrev=False,
                     description="Measures Longsplice beside HAProxy, nginx, SwiftNIO and Go, in network namespaces.")
    parser.add_argument("--candidates", default="main", metavar="NAMES",
                        help="separated by commas; main, all, or names of --list (default: main)")
    parser.add_argument("--workloads", default="main", metavar="NAMES", help="likewise (default: main)")
    parser.add_argument("--rounds", type=whole("--rounds", 1, 1000), default=3, metavar="N",
                        help="how often each candidate has its turn (default: 3)")
    parser.add_argument("--seconds", type=whole("--seconds", 1, 3600), default=3, metavar="N",
                        help="of each run's load (default: 3)")
    add_host_flags(parser, "relay")
    parser.add_argument("--longsplice", type=Path, default=ROOT / ".build" / "release" / "longsplice", metavar="PATH",
                        help="the program under test (default: the release build)")
    parser.add_argument("--generator", type=Path, metavar="PATH",
                        help="the program whose `bench` makes the load, for all alike (default: that of --longsplice)")
    parser.add_argument("--also", action="append", default=[], metavar="'NAME=PATH FLAGS'",
                        help="one more candidate: `PATH serve` with these flags; repeatable, so that two builds or two "
                             "sets of flags can be compared in turns")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="where results.json, results.md and the plots go (default: .build/bench/<time>)")
    parser.add_argument("--list", action="store_true", help="tell what candidates and workloads there are")
    options = parser.parse_args(argv)

    extra = [_also(text) for text in options.also]
    known = {candidate.name: candidate for candidate in candidates.ALL}
    for candidate in extra:
        if candidate.name in known:
            raise Refusal(f"--also {candidate.name}: there is a candidate of that name already; choose another name")
        known[candidate.name] = candidate
    wanted = select("--candidates", options.candidates, list(known),
                    {"main": candidates.MAIN, "all": [candidate.name for candidate in candidates.ALL]})
    wanted += [candidate.name for candidate in extra if candidate.name not in wanted]
    options.candidates = [known[name] for name in wanted]
    every = {workload.name: workload for workload in workloads.ALL}
    groups = {"main": workloads.MAIN, "all": list(every), "growth": [w.name for w in workloads.GROWTH]}
    options.workloads = [every[name] for name in select("--workloads", options.workloads, list(every), groups)]
    options.longsplice = options.longsplice.resolve()
    options.generator = (options.generator or options.longsplice).resolve()
    options.out = options.out or ROOT / ".build" / "bench" / time.strftime("%Y-%m-%d-%H%M%S")
    if not options.list:
        _expect_program("--longsplice", options.longsplice)
        _expect_program("--generator", options.generator)
        for candidate in extra:
            _expect_program(f"--also {candidate.name}", candidate.program)
    return options


def select(flag, text, names, groups, told_by="--list"):
    """The names of a list with commas, each once, in the order given; groups stand for theirs. `told_by` is the flag that
    tells the names."""
    chosen = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name not in names and name not in groups:
            near = difflib.get_close_matches(name, [*names, *groups], 1, 0)
            raise Refusal(f"{flag} {name}: there is none of that name; did you mean {near[0]}? {told_by} tells all")
        for member in groups.get(name, [name]):
            if member not in chosen:
                chosen.append(member)
    if not chosen:
        raise Refusal(f"{flag} '{text}': names nothing; write names that {told_by} tells, or all")
    return chosen


def add_host_flags(parser, candidate):
    """What the hosts are like; `candidate` is what is measured."""
    parser.add_argument("--congestion", type=_congestion, default=CONGESTION, metavar="NAME",
                        help=f"congestion control of every host, tcp(7) (default: {CONGESTION})")
    parser.add_argument("--split", action=_Split,
                        help=f"the {candidate} gets the first processor to itself, and the loads get the others")


class _Split(argparse.Action):
    def __init__(self, option_strings, dest, **options):
        super().__init__(option_strings, dest, nargs=0, default=False, **options)

    def __call__(self, parser, namespace, values, option_string=None):
        if len(os.sched_getaffinity(0)) < 2:
            raise Refusal("--split: there is one processor only; leave it out")
        namespace.split = True


def _congestion(text):
    known = Path("/proc/sys/net/ipv4/tcp_available_congestion_control").read_text().split()
    if text not in known:
        raise Refusal(f"--congestion {text}: this kernel has none of that name; it has {', '.join(known)}")
    return text


def whole(flag, low, high):
    def read(text):
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise Refusal(f"{flag} {text}: is no whole number from {low} to {high}")
        return int(text)
    return read


def _also(text):
    name, equals, command = text.partition("=")
    try:
        path, *flags = shlex.split(command) or [""]
    except ValueError as error:
        raise Refusal(f"--also {text}: {error}; write 'NAME=PATH FLAGS'") from None
    if not equals or not name or not set(name) <= candidates.NAME_LETTERS:
        raise Refusal(f"--also {text}: has no name of letters, digits, dots and dashes; write 'NAME=PATH FLAGS'")
    return candidates.also(name, Path(path).resolve() if path else Path(), flags)


def _expect_program(flag, path):
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise Refusal(f"{flag} {path}: there is no program there; run `make build`, or name another one")
