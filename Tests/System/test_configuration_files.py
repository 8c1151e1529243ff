"""longsplice check, config, and serve by a file that cannot be served: what is said and the exit status."""

import json
import time
from pathlib import Path

import pytest

from proxies import binary
from test_configuration import GOOD, written

USAGE, FAILURE = 64, 1
ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "deploy").glob("*.yaml"))


@pytest.fixture
def engine():
    """No engine is ever started here."""
    return "auto"


def run(stage, *arguments, env=None):
    return stage.lab.run("B", [binary(), *arguments], timeout=20, check=False, env=env)


# check

def test_check_says_what_a_good_file_serves(stage):
    path = written(stage, GOOD)
    done = run(stage, "check", "--config", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{path} is good: 1 listener on 1 address, 1 pool with 4 servers\n"


def test_check_tells_every_problem_with_its_place(stage):
    path = written(stage, """workers: many
listeners: [{ name: l, bind: ["127.0.0.1"], pool: wbe }]
pools:
  - { name: web, servers: ["127.0.0.1:0"], balanse: first }
""")
    done = run(stage, "check", "--config", path)
    assert (done.returncode, done.stdout) == (FAILURE, "")
    assert done.stderr.splitlines() == [
        f"{path}:1:10: workers many: is not a whole number; write a whole number from 1 to 256",
        f"{path}:2:31: listeners[0].bind[0] 127.0.0.1: has no port; write HOST:PORT, [IPv6]:PORT or unix:PATH",
        f"{path}:2:51: listeners[0].pool wbe: is no pool; did you mean web?",
        f"{path}:4:28: pools[0].servers[0] 127.0.0.1:0: has a port that is none; "
        "write a number from 1 to 65535",
        f"{path}:4:44: pools[0].balanse: is no key; did you mean balance?",
    ]


def test_check_warns_and_looks_for_files(stage):
    path = written(stage, GOOD + "\n" + "")
    path.write_text("""listeners: [{ name: l, bind: ["127.0.0.1:0"], pool: p }]
pools:
  - { name: p, servers: [no-such-host.invalid:1] }
  - { name: q, servers: [echo] }
""")
    done = run(stage, "check", "--config", path)
    assert done.returncode == 0 and "is good" in done.stdout, "names are not looked up"
    assert done.stderr == (f"{path}:4:5: pools[1] q: warning: is a pool that no listener names; "
                           "name it in a listener or leave it out\n")
    missing = written(stage, GOOD.replace("name: p,", "name: p, fallback_file: /nowhere/page,"))
    done = run(stage, "check", "--config", missing)
    assert (done.returncode, done.stdout) == (FAILURE, "")
    assert done.stderr == f"{missing}:3:35: pools[0].fallback_file /nowhere/page: does not exist; name a file that does\n"


def test_variables_of_the_environment_are_checked(stage):
    path = written(stage, "workers: ${LONGSPLICE_TEST_N}\n" + GOOD)
    assert run(stage, "check", "--config", path, env={"LONGSPLICE_TEST_N": "2"}).returncode == 0
    assert run(stage, "check", "--config", path, env={"LONGSPLICE_TEST_N": "0"}).returncode == FAILURE
    assert "LONGSPLICE_TEST_N, which is not set" in run(stage, "check", "--config", path).stderr


def test_a_file_that_cannot_be_read_or_is_no_text_is_refused(stage):
    for name, reason in [("/nowhere/at/all", "ENOENT"), ("/tmp", "EISDIR"), ("/dev/zero", "more than 1MiB"),
                         (binary(), "more than 1MiB")]:
        for command in ("check", "serve"):
            done = run(stage, command, "--config", name)
            assert done.returncode == FAILURE and reason in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_worst_files_are_refused_in_seconds(stage):
    nested_key = "{? " * 450 + "[" + "a," * 500_000 + "]" + " : 1}" * 450
    for text in ("[" * (1 << 20), "- " * (1 << 19), "? " * (1 << 19), "{[a]: " * 100_000, "x: 1\n" * 200_000,
                 nested_key, "\n".join(f"k{n}: 1" for n in range(80_000))):
        started = time.monotonic()
        done = run(stage, "check", "--config", written(stage, text))
        assert done.returncode == FAILURE and ":" in done.stderr
        assert time.monotonic() - started < 15, text[:40]


# Schema and example

def test_the_example_is_good(stage):
    example = run(stage, "config", "--example")
    assert example.returncode == 0
    done = run(stage, "check", "--config", written(stage, example.stdout))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name, serves", [
    ("edge", "2 listeners on 3 addresses, 2 pools with 5 servers"),
    ("tls-by-sni", "1 listener on 2 addresses, 3 pools with 13 servers"),
    ("database-failover", "1 listener on 1 address, 1 pool with 2 servers"),
    ("servers-from-dns", "2 listeners on 2 addresses, 2 pools with 1 server and 2 names of servers")])
def test_the_examples_for_deployments_are_good(stage, name, serves):
    text = (ROOT / "deploy" / f"{name}.yaml").read_text()
    for directory in ("/var/log/longsplice", "/run/longsplice"):
        text = text.replace(directory, str(stage.lab.directory))
    path = written(stage, text)
    done = run(stage, "check", "--config", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{path} is good: {serves}\n"


def test_every_example_for_deployments_is_named_and_tried():
    guide = (ROOT / "deploy" / "README.md").read_text()
    assert [path.stem for path in EXAMPLES] == ["database-failover", "edge", "servers-from-dns", "tls-by-sni"]
    assert all(f"`{path.name}`" in guide for path in EXAMPLES)


def test_the_schema_accepts_what_is_good_and_refuses_what_is_not(stage):
    schema = json.loads(run(stage, "config", "--schema").stdout)
    jsonschema, yaml = pytest.importorskip("jsonschema"), pytest.importorskip("yaml")
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for text in (run(stage, "config", "--example").stdout, *(path.read_text() for path in EXAMPLES), GOOD):
        assert not list(validator.iter_errors(yaml.safe_load(text)))
    for wrong in ("workers: 0", "engine: kqueue", "pipes: { size: 1M }", "drain_timeout: 5", "wrokers: 2",
                  "log: { lvel: info }"):
        assert list(validator.iter_errors(yaml.safe_load(f"{wrong}\n{GOOD}"))), wrong
    for wrong in (GOOD.replace("name: l, ", ""), GOOD.replace("[echo, ", "[{ weight: 2 }, "), "workers: 2"):
        assert list(validator.iter_errors(yaml.safe_load(wrong))), wrong


def test_a_check_that_is_to_connect_only_has_nothing_to_say(stage):
    """Of a check without send and expect connect_only changes nothing; beside them it is the file that is refused."""
    text = """
listeners: [{ name: l, bind: ["127.0.0.1:0"] }]
pools: [{ name: p, servers: [echo], health: { connect_only: %s, send: "PING", expect: "PONG" } }]
"""
    assert run(stage, "check", "--config", written(stage, text % "false")).returncode == 0
    done = run(stage, "check", "--config", written(stage, text % "true"))
    assert done.returncode == 1 and "pools[0].health.connect_only true: stands beside send or expect" in done.stderr


def test_config_wants_to_know_what(stage):
    for arguments in ([], ["--schema", "--example"]):
        done = run(stage, "config", *arguments)
        assert done.returncode == USAGE and "either --schema or --example" in done.stderr and not done.stdout


# serve, and what it refuses

def refuse(stage, status, *arguments, mentions=()):
    done = run(stage, "serve", *arguments)
    assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1, done.stderr
    for words in mentions:
        assert words in done.stderr, f"{words!r} is not in {done.stderr!r}"


@pytest.mark.parametrize("flag, value, key", [
    ("--listen", "127.0.0.1:0", "listeners[].bind"), ("--upstream", "echo", "pools[].servers"),
    ("--workers", "1", "workers"), ("--fin-timeout", "1s", "pools[].timeouts.fin"),
    ("--stats", "1s", "log.stats"), ("--access-log", "-", "access_log.to")])
def test_other_flags_cannot_go_with_a_file(stage, flag, value, key):
    refuse(stage, USAGE, "--config", written(stage, GOOD), flag, value,
           mentions=[f"{flag} cannot go with --config; write {key} into the file"])


def test_a_wrong_file_is_not_served_and_all_its_problems_are_told(stage):
    path = written(stage, "workers: 0\nengine: x\n" + GOOD)
    done = run(stage, "serve", "--config", path)
    assert done.returncode == FAILURE and done.stdout == ""
    assert [line.split(": ")[:3] for line in done.stderr.splitlines()] == [
        ["longsplice", f"{path}:1:10", "workers 0"], ["longsplice", f"{path}:2:9", "engine x"]]


def test_what_the_start_refuses_names_line_and_key(stage):
    taken = stage.listen().address
    cases = [
        (GOOD.replace("127.0.0.1:0", taken), f":2:31: listeners[0].bind[0] {taken}: is in use; "),
        (GOOD.replace("127.0.0.1:0", "192.0.2.1:0"), ":2:31: listeners[0].bind[0] 192.0.2.1:0: is no address "),
        (GOOD.replace("echo", "no-such-host.invalid:1"),
         ":3:30: pools[0].servers[0] no-such-host.invalid:1: does not resolve: "),
        (GOOD.replace("name: p,", "name: p, fallback_file: /nowhere/page,"),
         ":3:35: pools[0].fallback_file /nowhere/page: does not exist; "),
        (GOOD.replace("name: p,", "name: p, connect: { source: [192.0.2.1] },"),
         ":3:40: pools[0].connect.source[0] 192.0.2.1: cannot be bound: "),
        ("access_log: { to: /nowhere/log }" + GOOD, ":1:19: access_log.to /nowhere/log: "),
        ("limits: { connections: 9999999 }" + GOOD, ":1:24: limits.connections 9999999: needs "),
    ]
    for text, words in cases:
        path = written(stage, text)
        refuse(stage, FAILURE, "--config", path, mentions=[f"longsplice: {path}{words}"])
