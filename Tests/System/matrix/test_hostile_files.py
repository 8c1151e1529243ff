"""Damaged configuration files: `longsplice check` takes each or says where it is wrong, and never falls."""

import random
import re
import time

import pytest

from crowd import percentiles
from ordinary import AS_ORDINARY_USER, give_directory
from proxies import binary
from sizes import sized

FILES = sized(200, 2_000, 10_000)
SLOW = 5.0
STRANGE = "é\u2028😀\u202e\x85".encode()
WORDS = ["&a ", "*a", "${", "}", "'", '"', "|", ">", "---\n", "...\n", "%TAG ! x\n", "<<: ", ": ", "\t", "\\0", "0x7fffffffffffffff", "1e999",
         "-1", "~", "18446744073709551616", "${PATH}"]
DEEP = ["[", "{", "- ", "? ", "a: {", "\n ", "!!x "]


def damaged(dice, text):
    data = bytearray(text)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(max(1, len(data)))
        end = at + dice.randint(1, 40)
        match dice.randrange(9):
            case 0 if data: data[at % len(data)] ^= 1 << dice.randrange(8)
            case 1 if data: data[at % len(data)] = dice.randrange(256)
            case 2: del data[at:end]
            case 3: data[at:at] = data[at:end]
            case 4:
                lines = data.split(b"\n")
                one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
                lines[one], lines[other] = lines[other], lines[one]
                data = bytearray(b"\n".join(lines))
            case 5: data[at:at] = STRANGE
            case 6: data[at:at] = dice.choice(DEEP).encode() * dice.randint(1, 2_000)
            case 7: del data[at:]
            case _: data[at:at] = dice.choice(WORDS).encode()
    return bytes(data)


@pytest.mark.matrix("C7")
def test_a_damaged_file_is_taken_or_refused_with_line_and_cure(lab, tally):
    give_directory(lab)
    dice, path, waits = random.Random(1234), lab.fresh_path(".yaml"), []
    example = lab.run("B", [binary(), "config", "--example"]).stdout.encode()
    problem = re.compile(rf"{re.escape(str(path))}:[1-9]\d*:[1-9]\d*: .+; .+")
    outcomes = {0: 0, 1: 0}
    for number in range(FILES):
        path.write_bytes(damaged(dice, example))
        started = time.monotonic()
        done = lab.run("B", [*AS_ORDINARY_USER, binary(), "check", "--config", path], timeout=60, check=False)
        waits.append(time.monotonic() - started)
        assert done.returncode in outcomes, f"file {number} ended it with {done.returncode}: {done.stderr[-500:]}"
        outcomes[done.returncode] += 1
        lines = done.stderr.splitlines()
        assert all(problem.fullmatch(line) for line in lines), f"file {number}: {lines}"
        if done.returncode == 0:
            assert f"{path} is good: " in done.stdout and all(": warning: " in line for line in lines), f"file {number}: {lines}"
        else:
            assert lines and not done.stdout, f"file {number}"
        tally.count()
    tally.note(f"{outcomes[1]} refused, {outcomes[0]} taken, within {percentiles(waits)}")
    assert outcomes[0] and outcomes[1] and max(waits) < SLOW
