"""The library: a C program and a Swift package outside of this one, built as their authors would build them."""

import subprocess
from pathlib import Path

import pytest

import seccomp

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
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
    run("swift", "build", "--product", "longsplice-c")
    program = tmp_path_factory.mktemp("library") / request.param
    run("cc", "-std=gnu11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", "-o", program,
        f"Tests/CFace/{request.param}.c", "-I", "Sources/LongspliceHeader/include",
        "-L", BUILD / "debug", "-llongsplice-c", f"-Wl,-rpath,{BUILD / 'debug'}")
    return program


@pytest.fixture(scope="module")
def swift_programs():
    where = ["--package-path", "Tests/Consumer", "--scratch-path", BUILD / "consumer"]
    run("swift", "build", *where)
    return BUILD / "consumer/debug"


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
