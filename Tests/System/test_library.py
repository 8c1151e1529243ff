"""The library: a C program and a Swift package outside of this one, built as their authors would build them; and an example."""

import contextlib
import os
import socket
import subprocess
from pathlib import Path

import pytest

import seccomp
from lab import Lab
from proxies import binary

ROOT = Path(__file__).resolve().parents[2]
BUILT = binary().parent
WITHOUT_URING = ["python3", seccomp.__file__, "errno", str(seccomp.IO_URING_SETUP)]


def run(*argv):
    """What a program printed; it has to succeed."""
    done = subprocess.run([str(part) for part in argv], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{argv[0]} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


@pytest.fixture
def wrapper(engine):
    """In front of a program, so that it finds the engine."""
    return WITHOUT_URING if engine == "epoll" else []


@pytest.fixture(scope="module", params=["splice", "sendfile"])
def c_program(request, tmp_path_factory):
    program = tmp_path_factory.mktemp("library") / request.param
    run("cc", "-std=gnu11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", "-o", program,
        f"Tests/CFace/{request.param}.c", "-I", "Sources/LongspliceHeader/include",
        "-L", BUILT, "-llongsplice-c", f"-Wl,-rpath,{BUILT}")
    return program


@pytest.fixture(scope="module")
def swift_programs():
    scratch = ROOT / ".build/consumer"
    run("swift", "build", "--package-path", "Tests/Consumer", "--scratch-path", scratch)
    return scratch / "debug"


def test_a_c_program_is_served_and_is_refused_with_errno(c_program, wrapper):
    assert run(*wrapper, c_program) == ""


def test_a_package_of_its_own_splices_with_the_public_declarations_alone(swift_programs, wrapper, engine):
    assert run(*wrapper, swift_programs / "consumer").startswith(f"{engine}: ")


def test_neither_descriptors_nor_threads_are_left_behind(swift_programs, engine):
    """By several hundred calls that end in every way, and by splicers that cannot be made for want of descriptors or threads."""
    said = run(swift_programs / "leaks", engine)
    for words in ["EMFILE each time", "descriptors at rest as before", "EAGAIN each time"]:
        assert words in said, said


def test_one_descriptor_that_is_left_open_would_be_found(swift_programs):
    done = subprocess.run([swift_programs / "leaks", "epoll", "leave-open"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    assert done.returncode == 1 and "/dev/null" in done.stderr.split("new:")[1], done.stderr


PORT = 8080
FILES = {"empty": b"", "one": b"x", "page": os.urandom(4096), "odd": os.urandom(70_001), "large": os.urandom(5 << 20)}


@pytest.fixture
def served(engine, tmp_path):
    """A server of FILES in B of a lab, and what it must not give away beside them."""
    folder = tmp_path / "files"
    (folder / "below").mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    for hidden in (tmp_path / "secret", folder / ".hidden", folder / "below" / "secret"):
        hidden.write_text("secret")
    os.mkfifo(folder / "fifo")
    with Lab(alone=True) as lab:
        server = lab.start("B", [BUILT / "file-server", PORT, folder, engine])
        lab.wait_port("B", PORT, watched=server)
        yield lab
        assert server.alive(), server.output()


def fetch(lab, path, *flags):
    """The status of an answer, and its body."""
    body = lab.fresh_path()
    done = lab.run("A", ["curl", "-sS", "--max-time", "20", "--path-as-is", "-o", body, "-w", "%{http_code}", *flags,
                         f"http://127.0.0.1:{PORT}{path}"])
    return int(done.stdout), body.read_bytes() if body.exists() else b""


class TestFileServer:
    def test_every_file_arrives_as_it_is(self, served):
        for name, content in FILES.items():
            assert fetch(served, f"/{name}") == (200, content), name

    def test_one_connection_serves_one_request_after_the_other(self, served):
        places = [served.fresh_path() for _ in FILES]
        argv = ["curl", "-sS", "--max-time", "20", "-w", "%{num_connects} "]
        for name, place in zip(FILES, places):
            argv += ["-o", place, f"http://127.0.0.1:{PORT}/{name}"]
        done = served.run("A", argv)
        assert done.stdout.split() == ["1"] + ["0"] * (len(FILES) - 1)
        # curl makes no file for an empty body.
        assert [place.read_bytes() if place.exists() else b"" for place in places] == list(FILES.values())

    @pytest.mark.parametrize("path", ["/", "/none", "/.hidden", "/below", "/below/secret", "/../secret", "/..%2fsecret",
                                      "//etc/passwd", "/fifo", "/one/", "/one?", "/%00"])
    def test_what_is_no_plain_file_of_the_folder_is_not_found(self, served, path):
        assert fetch(served, path) == (404, b"")

    @pytest.mark.parametrize("request_", [
        b"POST /one HTTP/1.1\r\n\r\n", b"GET /one HTTP/1.1\r\nContent-Length: 3\r\n\r\n", b"GET /one HTTP/1.0\r\n\r\n",
        b"GET\r\n\r\n", b"\r\n\r\n", b"\xff\xfe\x00 \xc3\r\n\r\n", b"x" * 100_000])
    def test_strange_bytes_are_refused_and_harm_nobody(self, served, request_):
        with served.inside("A"):
            client = socket.create_connection(("127.0.0.1", PORT), timeout=10)
        with client, contextlib.suppress(ConnectionError):
            client.sendall(request_)
            answer = b"".join(iter(lambda: client.recv(65536), b""))
            assert answer in (b"", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        assert fetch(served, "/one") == (200, b"x")

    def test_clients_that_go_away_amid_an_answer_do_not_end_it(self, served):
        for _ in range(20):
            with served.inside("A"):
                clients = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(16)]
            for client in clients:
                client.sendall(b"GET /large HTTP/1.1\r\n\r\n")
            for client in clients:
                client.close()
        assert fetch(served, "/page") == (200, FILES["page"])
