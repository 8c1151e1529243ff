"""The benchmarks that are not of `compare` (Benchmarks/sendfile, Benchmarks/ttcp): their words, their tables, and one short run of each."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from proxies import binary

BENCHMARKS = Path(__file__).resolve().parents[2] / "Benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import sendfile  # noqa: E402
from sendfile import __main__ as sendfile_main  # noqa: E402
from sendfile.files import Files  # noqa: E402
from ttcp import __main__ as ttcp_main  # noqa: E402
from compare.errors import Failure, Refusal  # noqa: E402
from turns import Column, Turns  # noqa: E402

MACHINE = {"date": "2026-01-01", "kernel": "6.0", "cores": 2, "processor": "x"}


@pytest.mark.parametrize("parse, argv, words", [
    (sendfile_main.parse, ["--sizes", "4KB"], ["--sizes 4KB", "did you mean 4KiB"]),
    (sendfile_main.parse, ["--clients", "1,0"], ["--clients 0", "from 1 to 512"]),
    (sendfile_main.parse, ["--candidates", "apache"], ["--candidates apache"]),
    (sendfile_main.parse, ["--temperatures", "lukewarm"], ["--temperatures lukewarm"]),
    (sendfile_main.parse, ["--congestion", "pigeons"], ["--congestion pigeons", "cubic"]),
    (ttcp_main.parse, ["--candidates", "backward"], ["--candidates backward", "did you mean forward"]),
    (ttcp_main.parse, ["--forward", "/nowhere"], ["--forward /nowhere", "make bench-ttcp"]),
])
def test_bad_arguments_are_answered_with_place_and_cure(parse, argv, words):
    with pytest.raises(Refusal) as refusal:
        parse(argv)
    assert all(word in str(refusal.value) for word in words), refusal.value


def test_tables_tell_medians_ratios_and_failures(tmp_path):
    cases = [sendfile.Case("4KiB", 1, False)]
    turns = Turns("T", [Column("rate", "rate, /s", 1, is_rated=True)], ["b"], MACHINE, {"candidates": ["a", "b"]})
    rates = iter([6, 2, 1, 4, 8, 3])

    def measure(case, name):
        rate = next(rates)
        if rate == 1:
            raise Failure("it broke")
        return {"rate": rate}, ["hot"] if rate == 8 else []
    # Who is first changes with each round: a b, b a, a b.
    turns.run(cases, ["a", "b"], 3, measure, lambda: turns.write(tmp_path))
    text = turns.markdown()
    assert "## 4KiB, 1 client, hot" in text and "**1 of 6 runs FAILED**" in text
    assert "| a | 6.0 (4.0–8.0) | 2.40 | 3 |" in text and "| b | 2.5 (2.0–3.0) | 1.00 | 3, **1 FAILED** |" in text
    assert "- **FAILED**: b, round 2: Failure: it broke" in text and "- warning: a: hot" in text
    assert len(json.loads((tmp_path / "results.json").read_text())["turns"]) == 6


def test_files_are_whole_and_leave_the_page_cache_unless_they_are_held_there(tmp_path):
    files = Files(tmp_path, sendfile.Case("64KiB", 1, False)).make()
    assert [path.stat().st_size for path in files.paths()] == [65536]
    assert files.drop() == 0
    with files.hot():
        assert files.drop() == 16, "pages that are locked go nowhere"
    assert files.drop() == 0


def run(module, *flags):
    return subprocess.run(["/usr/bin/python3", "-m", module, *map(str, flags)], cwd=BENCHMARKS, capture_output=True,
                          text=True, timeout=120)


def test_a_short_run_of_files_measures_and_tells(tmp_path):
    done = run("sendfile", "--sizes", "4KiB,1MiB", "--clients", 2, "--temperatures", "hot", "--rounds", 1, "--seconds", 1,
               "--file-server", binary().parent / "file-server", "--files", tmp_path / "files", "--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    turns = json.loads((tmp_path / "results.json").read_text())["turns"]
    assert len(turns) == 8 and {turn["candidate"] for turn in turns} == {"longsplice", "longsplice-epoll", "nginx", "c"}
    assert all(turn["figures"]["requests_per_s"] > 10 and turn["figures"]["server_cpu_per_gb"] > 0 for turn in turns)


def test_a_short_run_of_ttcp_measures_and_tells(tmp_path):
    done = run("ttcp", "--candidates", "all", "--rounds", 1, "--seconds", 1, "--longsplice", binary(),
               "--forward", binary().parent / "forward", "--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    turns = json.loads((tmp_path / "results.json").read_text())["turns"]
    assert {turn["candidate"] for turn in turns} == set(ttcp_main.measure.CANDIDATES)
    assert all(turn["figures"]["gbps"] > 0.1 for turn in turns)
