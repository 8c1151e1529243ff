"""The user that a proxy should run as: an ordinary one, with no group and no capability.

Root is exempt from the quota on pipes (pipe(7)), from RLIMIT_NPROC and from much else, so what is
found with root is not what is found in service.
"""

import os
import subprocess

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))

UID = int(os.environ.get("LONGSPLICE_UID", "65534")) - _WORKER
"""Quotas are the user's: two runs at once on one machine need two users, and so do tests that run side by side."""

AS_ORDINARY_USER = ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups",
                    "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs")
"""In front of a command line: runs it with no privilege at all. Resource limits stay as they are."""


def give_directory(lab):
    """Let the ordinary user make files and sockets in the lab's directory."""
    os.chown(lab.directory, UID, UID)
    os.chmod(lab.directory, 0o755)


def expect_executable(program):
    """Each folder on the way must let an ordinary user through."""
    done = subprocess.run([*AS_ORDINARY_USER, program, "--version"], capture_output=True, text=True,
                          timeout=10)
    assert done.returncode == 0, f"an ordinary user cannot run {program}: {done.stderr.strip()}"


def capabilities(pid):
    """The effective ones, as a number."""
    with open(f"/proc/{pid}/status") as status:
        return int(next(line for line in status if line.startswith("CapEff")).split()[1], 16)
