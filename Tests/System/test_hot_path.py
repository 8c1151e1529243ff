"""What the compiler made of the worker's loop: read from the binary, since no timing can show it."""

import collections
import re
import subprocess

import pytest

from proxies import binary

# Reference counting, allocation, exclusivity checks, lazy initialisation, look-ups of types.
FORBIDDEN = re.compile(r"swift_(retain|release|bridgeObject|allocObject|slowAlloc|beginAccess|once|dynamicCast"
                       r"|getWitnessTable|getTypeByMangledName|getGenericMetadata|isUniquely)|^malloc$|^calloc$")
SPECIALISED = "generic specialization <DataPlane.{engine}> of "
# What runs for each completion, by the names it has in the binary; the rest is inlined into these.
MUST_BE_SEEN = (".run(", ".resume(", ".perform(")


@pytest.fixture(scope="module")
def calls():
    """Each function of the data plane with the names it calls."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", str(binary())], check=True,
                             capture_output=True, text=True, timeout=300).stdout
    called = collections.defaultdict(list)
    function, end = None, 0
    sizes = _sizes()
    for line in listing.splitlines():
        if start := re.match(r"^([0-9a-f]+) <(.+)>:$", line):
            function = start.group(2) if "9DataPlane" in start.group(2) else None
            end = int(start.group(1), 16) + sizes.get(start.group(2), 0)
        elif function and (at := re.match(r"^ *([0-9a-f]+):", line)) and int(at.group(1), 16) < end:
            called[function]
            if call := re.search(r"\b(?:call|jmp)\s+[0-9a-f]+ <([^>+@]+)", line):
                called[function].append(call.group(1))
    return _readable(_without_dead_accessors(called))


def _without_dead_accessors(called):
    """A coroutine accessor (read, modify) allocates its frame where it is called. Inlined it does not, and what the
    compiler keeps of it then is called by nobody."""
    alive = {callee for list_ in called.values() for callee in list_}
    return {name: list_ for name, list_ in called.items()
            if name in alive or not re.search(r"(v|ci)[rM]$", name)}


def _sizes():
    """Behind a function's end there may be helpers of the compiler's that have no name of their own."""
    symbols = subprocess.run(["nm", "--print-size", str(binary())], check=True, capture_output=True, text=True,
                             timeout=300).stdout
    return {name: int(size, 16) for size, name in re.findall(r"^[0-9a-f]+ ([0-9a-f]+) [a-zA-Z] (.+)$", symbols, re.M)}


def _readable(called):
    names = list(called)
    told = subprocess.run(["swift", "demangle", "--compact"], input="\n".join(names), check=True,
                          capture_output=True, text=True, timeout=300).stdout.splitlines()
    assert len(told) == len(names)
    return {readable: called[name] for name, readable in zip(names, told)}


@pytest.mark.parametrize("engine", ["UringEngine", "EpollEngine"])
def test_nothing_is_counted_allocated_or_checked_for_a_completion(calls, engine):
    prefix = SPECIALISED.format(engine=engine)
    hot = {name: list_ for name, list_ in calls.items()
           if "DataPlane" in name and prefix in name and "WorkerThread" not in name
           # Not for a completion: at the end of a job that was cut, and for a change of pools and listeners.
           and not re.search(r"\.(init|start|adoptChanges)\(|\.deinit$|\((takeOut|adopt) in ", name)}
    for part in MUST_BE_SEEN:
        assert any(part in name for name in hot), f"no {part} specialised for {engine}"
    dirty = {name: sorted(set(filter(FORBIDDEN.search, list_))) for name, list_ in hot.items()}
    assert {name: list_ for name, list_ in dirty.items() if list_} == {}


def test_the_state_machine_counts_allocates_and_checks_nothing(calls):
    pure = {name: list_ for name, list_ in calls.items()
            if re.search(r"DataPlane\.(Knot|Lane|TimerWheel|Verdict|PipePool|Seat|LoadWords|InboxHatch)\.(?!init|deinit)", name)
            and "witness" not in name and "metadata" not in name}
    assert any("Knot.resumed" in name for name in pure)
    dirty = {name: sorted(set(filter(FORBIDDEN.search, list_))) for name, list_ in pure.items()}
    assert {name: list_ for name, list_ in dirty.items() if list_} == {}
