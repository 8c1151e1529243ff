"""What cannot work is refused at once: one line that names the flag, the value and the cure."""

import resource

import pytest

from proxies import binary

USAGE, FAILURE = 64, 1
GOOD = {"--listen": "127.0.0.1:0", "--upstream": "echo"}

# flag, value, exit status; the other flags are good ones.
TABLE = [
    ("--listen", "127.0.0.1", USAGE),
    ("--listen", "127.0.0.1:", USAGE),
    ("--listen", "127.0.0.1:65536", USAGE),
    ("--listen", "127.0.0.1:-1", USAGE),
    ("--listen", "127.0.0.1:http", USAGE),
    ("--listen", "[::1", USAGE),
    ("--listen", "[::zz]:80", USAGE),
    ("--listen", "unix:", USAGE),
    ("--listen", "unix:" + "x" * 200, USAGE),
    ("--listen", "unix:/nowhere/at/all.sock", FAILURE),
    ("--listen", "192.0.2.1:0", FAILURE),
    ("--listen", "no-such-host.invalid:80", FAILURE),
    ("--upstream", "127.0.0.1", USAGE),
    ("--upstream", "127.0.0.1:0", USAGE),
    ("--upstream", "127.0.0.1:99999", USAGE),
    ("--upstream", "no-such-host.invalid:80", FAILURE),
    ("--engine", "kqueue", USAGE),
    ("--relay", "sendfile", USAGE),
    ("--relay", "", USAGE),
    ("--relay", "Copy", USAGE),
    ("--ring-depth", "0", USAGE),
    ("--ring-depth", "many", USAGE),
    ("--ring-depth", "1000000", USAGE),
    ("--cq-depth", "0", USAGE),
    ("--iowq-workers", "-1", USAGE),
    ("--workers", "-1", USAGE),
    ("--workers", "100000", USAGE),
    ("--pipe-size", "0", USAGE),
    ("--pipe-size", "64KB!", USAGE),
    ("--pipe-size", "1TiB", USAGE),
    ("--buffer-size", "0", USAGE),
    ("--buffer-size", "4095", USAGE),
    ("--buffer-size", "2MiB", USAGE),
    ("--buffer-size", "16KB!", USAGE),
    ("--buffer-size", "-4096", USAGE),
    ("--buffers", "0", USAGE),
    ("--buffers", "15", USAGE),
    ("--buffers", "32769", USAGE),
    ("--buffers", "some", USAGE),
    ("--buffers", "-64", USAGE),
    ("--spin-micros", "-1", USAGE),
    ("--spin-micros", "1001", USAGE),
    ("--spin-micros", "50us", USAGE),
    ("--chunk-size", "0", USAGE),
    ("--chunk-size", "-5", USAGE),
    ("--max-connections", "0", USAGE),
    ("--max-connections", "1e3", USAGE),
    ("--backlog", "0", USAGE),
    ("--connect-timeout", "5", USAGE),
    ("--connect-timeout", "0s", USAGE),
    ("--connect-timeout", "-1s", USAGE),
    ("--idle-timeout", "1d", USAGE),
    ("--fin-timeout", "soon", USAGE),
    ("--drain-timeout", "", USAGE),
    ("--log-format", "xml", USAGE),
    ("--log-level", "loud", USAGE),
    ("--stats", "0s", USAGE),
    ("--access-log", "", USAGE),
    ("--access-log", "unix:", USAGE),
    ("--access-log", "/nowhere/at/all/access", FAILURE),
    ("--access-log", "/tmp", FAILURE),
    ("--access-log", "unix:/nowhere/at/all.sock", FAILURE),
    ("--access-log-format", "json", USAGE),
    ("--access-log-format", "xml", USAGE),
    ("--max-connections-per-client", "0", USAGE),
    ("--max-connections-per-client", "few", USAGE),
]


@pytest.fixture
def engine():
    """No engine is ever started here."""
    return "auto"


def refuse(stage, arguments, status, *mentions, wrapper=()):
    done = stage.lab.run("B", [*wrapper, binary(), *arguments], timeout=10, check=False)
    assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for words in mentions:
        assert words in done.stderr, f"{words!r} is not in {done.stderr!r}"
    return done.stderr


def command_line(**replaced):
    flags = {**GOOD, **{f"--{name.replace('_', '-')}": value for name, value in replaced.items()}}
    return ["serve", *(f"{flag}={value}" for flag, value in flags.items())]


@pytest.mark.parametrize("flag, value, status", TABLE,
                         ids=[f"{flag}={value[:30]}" for flag, value, _ in TABLE])
def test_a_bad_value_is_named_with_its_flag(stage, flag, value, status):
    shown = value if len(value) < 100 else value[:20]
    refuse(stage, command_line(**{flag.strip("-").replace("-", "_"): value}), status, flag, shown)


@pytest.mark.parametrize("missing", GOOD)
def test_a_missing_flag_is_named(stage, missing):
    arguments = ["serve", *(f"{flag}={value}" for flag, value in GOOD.items() if flag != missing)]
    refuse(stage, arguments, USAGE, missing)


def test_an_unknown_flag_is_named(stage):
    refuse(stage, [*command_line(), "--turbo"], USAGE, "--turbo")


def test_contradicting_bounds_are_named_both(stage):
    refuse(stage, command_line(ring_depth="1024", cq_depth="16"), USAGE, "--ring-depth", "--cq-depth")
    refuse(stage, command_line(pipe_size="4096", chunk_size="1MiB"), USAGE,
           "--pipe-size", "--chunk-size")


def test_a_port_in_use_is_named(stage):
    taken = stage.listen().address
    refuse(stage, command_line(listen=taken), FAILURE, "--listen", taken)


def test_a_unix_socket_in_use_is_named(stage):
    taken = stage.listen(f"unix:{stage.lab.fresh_path('.sock')}").address
    refuse(stage, command_line(listen=taken), FAILURE, "--listen", taken)


def test_a_port_without_permission_is_named(stage):
    """Even root needs CAP_NET_BIND_SERVICE for a port below 1024."""
    refuse(stage, command_line(listen="127.0.0.1:80"), FAILURE, "--listen", "127.0.0.1:80",
           wrapper=("setpriv", "--bounding-set", "-net_bind_service"))


def test_an_access_log_that_may_not_be_written_is_named(stage):
    """Even root needs CAP_DAC_OVERRIDE where the mode forbids."""
    file = stage.lab.fresh_path(".access")
    file.touch(0o400)
    said = refuse(stage, command_line(access_log=str(file)), FAILURE, "--access-log", str(file), "EACCES",
                  wrapper=("setpriv", "--bounding-set", "-dac_override"))
    assert "let this user write there" in said


def test_an_access_log_socket_without_a_reader_is_named_and_no_port_was_opened(stage):
    path = stage.lab.fresh_path(".sock")
    listener = stage.listen(f"unix:{path}")
    listener.close()
    listening = f"unix:{stage.lab.fresh_path('.sock')}"
    refuse(stage, command_line(access_log=f"unix:{path}", listen=listening), FAILURE, "--access-log",
           str(path), "nobody who listens")
    refuse(stage, command_line(access_log=listener.address.removeprefix("unix:")), FAILURE, "is a socket")


def test_more_connections_than_descriptors_are_refused_with_the_number_that_fits(stage):
    limit = 500

    def few_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    asked = stage.lab.start("B", [binary(), *command_line(max_connections="400")],
                            limits=few_descriptors)
    assert asked.wait(10) == FAILURE
    said = asked.output()
    assert len(said.splitlines()) == 1 and "--max-connections" in said and "400" in said
    words = said.replace(",", " ").replace(";", " ").replace(".", " ").split()
    numbers = [int(word) for word in words if word.isdigit()]
    fitting = [number for number in numbers if 0 < number < limit // 2]
    assert fitting, said

    # The number is no guess: with it, the program starts.
    proxy = stage.serve("echo", "--max-connections", str(max(fitting)), limits=few_descriptors)
    assert proxy.alive()


# Good input that is no service

def test_version_and_help_succeed(stage):
    for flag in ("--version", "--help"):
        done = stage.lab.run("B", [binary(), flag], timeout=10)
        assert done.stdout.strip() and not done.stderr
    assert "--listen" in stage.lab.run("B", [binary(), "serve", "--help"]).stdout
