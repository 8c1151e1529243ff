"""The calls of the library as programs: `longsplice splice` and `longsplice sendfile`, each over one connection."""

import array
import os
import re
import resource
import select
import socket
import struct
import subprocess
import threading
import time

import pytest

from proxies import binary

USAGE, FAILURE = 64, 1
PATIENCE = 20
MEBIBYTE = 1 << 20
CONTENT = os.urandom(3 * MEBIBYTE + 17)


class Command:
    """One run of the program; `sockets` are inherited under their numbers."""

    def __init__(self, *arguments, sockets=(), **how):
        self.process = subprocess.Popen(
            [str(binary()), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, pass_fds=[one.fileno() for one in sockets], **how)
        # The program alone has them from here on, so that its end is theirs.
        for one in sockets:
            one.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def port(self):
        """Where it listens, once it does."""
        assert select.select([self.process.stderr], [], [], PATIENCE)[0], "it does not say where it listens"
        line = self.process.stderr.readline()
        return int(re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)[1])

    def end(self):
        """Exit status, standard output, standard error."""
        output, trouble = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, output, trouble


def refused(status, *arguments, mentions=(), **how):
    with Command(*arguments, **how) as command:
        ended, output, trouble = command.end()
    assert (ended, output, trouble.count("\n")) == (status, "", 1), f"{ended}: {output}{trouble}"
    assert trouble.startswith("longsplice: ")
    for words in mentions:
        assert words in trouble, f"{words!r} is not in {trouble!r}"


def server():
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(PATIENCE)
    return listener, f"127.0.0.1:{listener.getsockname()[1]}"


def pair(kind=socket.SOCK_STREAM):
    """UNIX; the first end is the test's."""
    near, far = socket.socketpair(socket.AF_UNIX, kind)
    near.settimeout(PATIENCE)
    return near, far


def tcp_pair():
    """TCP; the first end is the test's."""
    listener, _ = server()
    with listener:
        far = socket.create_connection(listener.getsockname())
        near = listener.accept()[0]
    near.settimeout(PATIENCE)
    return near, far


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def say(connection, what):
    """Everything, and FIN."""
    connection.sendall(what)
    connection.shutdown(socket.SHUT_WR)


def hear(connection):
    """Everything up to FIN."""
    parts = []
    while part := connection.recv(MEBIBYTE):
        parts.append(part)
    return b"".join(parts)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def big(tmp_path):
    """Too big for all the buffers on the way; a hole."""
    path = tmp_path / "big"
    with path.open("wb") as content:
        content.truncate(256 * MEBIBYTE)
    return path


# splice

def test_splice_accepts_connects_and_ties_both_ways(engine):
    listener, address = server()
    with listener, Command("splice", "--listen", "127.0.0.1:0", "--connect", address, "--engine", engine) as command, \
            socket.create_connection(("127.0.0.1", command.port())) as client:
        client.settimeout(PATIENCE)
        far = listener.accept()[0]
        speaking = threading.Thread(target=say, args=(client, CONTENT))
        speaking.start()
        assert hear(far) == CONTENT
        speaking.join()
        say(far, b"answer")
        assert hear(client) == b"answer"
        status, output, trouble = command.end()
        assert (status, trouble) == (0, "")
        assert output.startswith(
            f"finished, by the first socket: {len(CONTENT)} bytes to the second, 6 bytes to the first, in ")
        far.close()


@pytest.mark.parametrize("make", [pair, tcp_pair])
def test_splice_ties_inherited_sockets(engine, make):
    (near, first), (far, second) = make(), make()
    numbers = first.fileno(), second.fileno()
    with near, far, Command("splice", "--fd", numbers[0], "--fd", numbers[1], "--engine", engine,
                            sockets=(first, second)) as command:
        near.sendall(b"question")
        say(far, b"answer")
        assert hear(near) == b"answer"
        near.shutdown(socket.SHUT_WR)
        assert hear(far) == b"question"
        status, output, _ = command.end()
        assert status == 0
        assert "finished, by the second socket: 8 bytes to the second, 6 bytes to the first" in output


def test_splice_says_nothing_into_a_socket_that_it_ties(engine):
    """Under inetd the first socket is standard output too."""
    (near, first), (far, second) = pair(), pair()
    number = second.fileno()
    process = subprocess.Popen([str(binary()), "splice", "--fd", "0", "--fd", str(number), "--engine", engine],
                               stdin=first, stdout=first, pass_fds=[number])
    first.close()
    second.close()
    with near, far:
        say(near, b"question")
        assert hear(far) == b"question"
        say(far, b"answer")
        assert hear(near) == b"answer"
        assert process.wait(PATIENCE) == 0


def test_splice_ends_at_its_length_and_one_way(engine):
    (near, first), (far, second) = tcp_pair(), tcp_pair()
    with near, far, Command("splice", "--fd", first.fileno(), "--fd", second.fileno(), "--length", "64KiB", "--one-way",
                            "--engine", engine, sockets=(first, second)) as command:
        near.sendall(CONTENT[:100_000])
        assert hear(far) == CONTENT[:65_536]
        status, output, _ = command.end()
        assert status == 0
        assert output.startswith("length reached: 65536 bytes to the second, 0 bytes to the first, in ")


def test_splice_tells_of_a_receiver_that_goes_away(engine):
    (near, first), (far, second) = tcp_pair(), tcp_pair()
    with near, Command("splice", "--fd", first.fileno(), "--fd", second.fileno(), "--engine", engine,
                       sockets=(first, second)) as command:
        near.sendall(b"x" * MEBIBYTE)
        assert far.recv(1)
        reset(far)
        status, output, trouble = command.end()
        assert (status, trouble) == (FAILURE, "")
        assert output.startswith("reset, by the second socket: ")


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
def test_splice_drops_descriptors_that_come_along_and_no_byte(engine, kind):
    """recv(2) of a UNIX stream stops behind them, however much more there is."""
    (near, first), (far, second) = pair(kind), pair(kind)
    inside, outside = os.pipe()
    near.sendmsg([b"one"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [outside]))])
    os.close(outside)
    near.sendall(b"two")
    with near, far, Command("splice", "--fd", first.fileno(), "--fd", second.fileno(), "--engine", engine,
                            sockets=(first, second)) as command:
        heard = b""
        while len(heard) < 6:
            part, ancillary, _, _ = far.recvmsg(64, 1_000)
            assert part and ancillary == []
            heard += part
        assert heard == b"onetwo"
        assert select.select([inside], [], [], PATIENCE)[0] and os.read(inside, 1) == b"", "somebody still has it"
        os.close(inside)
        near.shutdown(socket.SHUT_WR)
        far.shutdown(socket.SHUT_WR)
        assert command.end()[0] == 0


# sendfile

def test_sendfile_connects_and_sends_all(engine, file):
    listener, address = server()
    with listener, Command("sendfile", file, "--to", address, "--engine", engine) as command:
        with listener.accept()[0] as connection:
            assert hear(connection) == CONTENT
        status, output, trouble = command.end()
        assert (status, trouble) == (0, "")
        assert output.startswith(f"sent {len(CONTENT)} of {len(CONTENT)} bytes in ")


def test_sendfile_accepts_and_sends_a_part(engine, file):
    with Command("sendfile", file, "--listen", "127.0.0.1:0", "--offset", "1MiB", "--length", "1000001",
                 "--engine", engine) as command:
        with socket.create_connection(("127.0.0.1", command.port())) as connection:
            connection.settimeout(PATIENCE)
            assert hear(connection) == CONTENT[MEBIBYTE:MEBIBYTE + 1_000_001]
        status, output, _ = command.end()
        assert status == 0
        assert output.startswith("sent 1000001 of 1000001 bytes in ")


@pytest.mark.parametrize("make", [pair, tcp_pair])
def test_sendfile_sends_into_an_inherited_socket(engine, file, make):
    near, far = make()
    with Command("sendfile", file, "--fd", far.fileno(), "--engine", engine, sockets=[far]) as command:
        assert hear(near) == CONTENT
        near.close()
        assert command.end()[0] == 0


def test_sendfile_through_a_unix_path(engine, file, tmp_path):
    path = tmp_path / "socket"
    with Command("sendfile", file, "--listen", f"unix:{path}", "--engine", engine) as command:
        assert command.process.stderr.readline() == f"listening on unix:{path}\n"
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            assert hear(connection) == CONTENT
        assert command.end()[0] == 0
    assert not path.exists()


def test_sendfile_sends_an_empty_file(engine, tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    near, far = tcp_pair()
    with Command("sendfile", empty, "--fd", far.fileno(), "--engine", engine, sockets=[far]) as command:
        assert hear(near) == b""
        near.close()
        assert command.end()[0] == 0


def test_sendfile_tells_of_a_receiver_that_goes_away_in_between(engine, big):
    near, far = tcp_pair()
    with Command("sendfile", big, "--fd", far.fileno(), "--engine", engine, sockets=[far]) as command:
        assert near.recv(1)
        reset(near)
        status, output, trouble = command.end()
        assert status == FAILURE
        sent, wanted = map(int, re.match(r"sent (\d+) of (\d+) bytes in ", output).groups())
        assert 0 < sent < wanted == 256 * MEBIBYTE
        assert trouble.count("\n") == 1 and "the connection was lost" in trouble


@pytest.mark.parametrize("make", [pair, tcp_pair])
def test_sendfile_tells_of_a_receiver_that_leaves_without_reading(engine, tmp_path, make):
    """The socket has taken everything; that is not enough."""
    small = tmp_path / "small"
    small.write_bytes(b"x" * 10_000)
    near, far = make()
    with Command("sendfile", small, "--fd", far.fileno(), "--engine", engine, sockets=[far]) as command:
        assert near.recv(1)
        near.close()
        status, output, trouble = command.end()
        assert (status, output.startswith("sent 10000 of 10000 bytes in ")) == (FAILURE, True)
        assert "the connection was lost" in trouble


def test_sendfile_does_not_wait_without_end_for_a_receiver(engine, file):
    near, far = tcp_pair()
    with near, Command("sendfile", file, "--length", "1000", "--fd", far.fileno(), "--timeout", "200ms",
                       "--engine", engine, sockets=[far]) as command:
        status, output, trouble = command.end()
        assert (status, output.startswith("sent 1000 of 1000 bytes in ")) == (0, True)
        assert "has not ended its stream within 200ms" in trouble


@pytest.mark.parametrize("make", [pair, tcp_pair])
def test_sendfile_ends_when_its_receiver_takes_nothing_any_more(engine, big, make):
    near, far = make()
    with near, Command("sendfile", big, "--fd", far.fileno(), "--timeout", "300ms", "--engine", engine,
                       sockets=[far]) as command:
        status, output, trouble = command.end()
        sent, wanted = map(int, re.match(r"sent (\d+) of (\d+) bytes in ", output).groups())
        assert (status, trouble.count("\n")) == (FAILURE, 1) and 0 < sent < wanted
        assert f"the peer has taken nothing for 300ms, after {sent} bytes" in trouble


@pytest.mark.parametrize("make", [pair, tcp_pair])
def test_sendfile_is_patient_with_a_receiver_that_takes_a_little_now_and_then(engine, big, make):
    """For longer than --timeout in all, and never for as long at once."""
    near, far = make()
    with near, Command("sendfile", big, "--fd", far.fileno(), "--timeout", "2s", "--engine", engine,
                       sockets=[far]) as command:
        taken = 0
        for _ in range(25):
            time.sleep(0.2)
            taken += len(near.recv(2 * MEBIBYTE, socket.MSG_WAITALL))
        assert command.process.poll() is None
        while part := near.recv(MEBIBYTE):
            taken += len(part)
        near.close()
        status, _, trouble = command.end()
        assert (status, trouble, taken) == (0, "", big.stat().st_size)


# What cannot work

@pytest.mark.parametrize("arguments, status, mentions", [
    (["splice"], USAGE, ["--listen", "--connect", "--fd"]),
    (["splice", "--listen", "127.0.0.1:0"], USAGE, ["--connect"]),
    (["splice", "--fd", "0"], USAGE, ["--fd 0"]),
    (["splice", "--fd", "0", "--fd", "0", "--listen", "127.0.0.1:0"], USAGE, ["--fd 0", "--listen"]),
    (["splice", "--fd", "-1", "--fd", "0"], USAGE, ["--fd -1"]),
    (["splice", "--fd", "99", "--fd", "99"], FAILURE, ["--fd 99: is not open"]),
    (["splice", "--fd", "0", "--fd", "0"], FAILURE, ["--fd 0: is open and no socket"]),
    (["splice", "--listen", "127.0.0.1", "--connect", "127.0.0.1:1"], USAGE, ["--listen 127.0.0.1:", "has no port"]),
    (["splice", "--listen", "127.0.0.1:0", "--connect", "127.0.0.1:0"], USAGE, ["--connect 127.0.0.1:0:"]),
    (["splice", "--engine", "kqueue"], USAGE, ["--engine kqueue"]),
    (["splice", "--length", "much"], USAGE, ["--length much"]),
    (["splice", "--timeout", "5"], USAGE, ["--timeout 5"]),
    (["splice", "--turbo"], USAGE, ["--turbo", "longsplice splice --help"]),
    (["sendfile"], USAGE, ["FILE", "longsplice sendfile --help"]),
    (["sendfile", "/etc/passwd"], USAGE, ["--to", "--listen", "--fd"]),
    (["sendfile", "/etc/passwd", "--to", "127.0.0.1:1", "--fd", "0"], USAGE, ["--to", "--fd"]),
    (["sendfile", "/etc/passwd", "--to", "127.0.0.1:1"], FAILURE, ["--to 127.0.0.1:1:", "ECONNREFUSED"]),
    (["sendfile", "/no/such/file", "--to", "127.0.0.1:1"], FAILURE, ["/no/such/file", "ENOENT"]),
    (["sendfile", "/dev/null", "--to", "127.0.0.1:1"], FAILURE, ["/dev/null", "no regular file"]),
    (["sendfile", "/etc/passwd", "--to", "127.0.0.1:1", "--offset", "1GiB"], FAILURE, ["--offset", "beyond the end"]),
    (["sendfile", "/etc/passwd", "--to", "127.0.0.1:1", "--length", "1GiB"], FAILURE, ["--length", "at most"]),
    (["sendfile", "/etc/passwd", "--listen", "127.0.0.1:x"], USAGE, ["--listen 127.0.0.1:x"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_bad_input_takes_one_line(arguments, status, mentions):
    refused(status, *arguments, mentions=mentions)


def test_sockets_that_cannot_be_tied_are_refused(engine):
    (near, stream), (far, packets) = pair(), pair(socket.SOCK_SEQPACKET)
    with near, far:
        refused(FAILURE, "splice", "--fd", stream.fileno(), "--fd", packets.fileno(), "--engine", engine,
                sockets=(stream, packets), mentions=["of different types"])
    near, far = pair(socket.SOCK_SEQPACKET)
    with near:
        refused(FAILURE, "sendfile", "/etc/passwd", "--fd", far.fileno(), "--engine", engine, sockets=[far],
                mentions=["keeps records apart"])


def test_nobody_who_comes_is_not_waited_for_without_end():
    with Command("sendfile", "/etc/passwd", "--listen", "127.0.0.1:0", "--timeout", "100ms") as command:
        command.port()
        status, output, trouble = command.end()
    assert (status, output, trouble.count("\n")) == (FAILURE, "", 1)
    assert "--listen 127.0.0.1:0: nobody came within 100ms" in trouble


@pytest.mark.parametrize("spare", range(1, 18))
def test_too_few_descriptors_are_said_to_be_that(engine, spare):
    """From one on, which the dynamic linker needs itself, to the first number that is enough."""
    (near, first), (far, second) = pair(), pair()
    highest = max(first.fileno(), second.fileno())
    # Every number up to the highest one is taken, and inherited.
    others = [os.dup(0) for _ in range(highest)]
    limit = highest + 1 + spare

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    say(near, b"x")
    say(far, b"y")
    with near, far:
        process = subprocess.Popen(
            [str(binary()), "splice", "--fd", str(first.fileno()), "--fd", str(second.fileno()), "--engine", engine],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=few,
            pass_fds=range(3, highest + 1))
        for number in others:
            os.close(number)
        first.close()
        second.close()
        output, trouble = process.communicate(timeout=PATIENCE)
    if spare >= 16:
        assert (process.returncode, trouble) == (0, "") and output.startswith("finished")
    else:
        assert (process.returncode, output, trouble.count("\n")) == (FAILURE, "", 1), trouble
        assert f"only {spare} of 16" in trouble and "EMFILE" in trouble and "ulimit -n" in trouble
