"""Servers that people really run, listening when they are returned; they end with the test."""

import contextlib
import os
import shutil
import signal
from pathlib import Path

from lab import endpoint


def free_address(stage, where="C"):
    return endpoint(stage.lab.address(where), stage.lab.free_port(where))


def _port(address):
    return int(address.rpartition(":")[2])


def _host(address):
    return address.rpartition(":")[0].strip("[]")


# HAProxy, nginx, redis

def haproxy(stage, where, address, text):
    """HAProxy by a configuration that listens on `address`."""
    path = stage.lab.fresh_path(".cfg")
    path.write_text(f"""
defaults
    timeout connect 5s
    timeout client 20s
    timeout server 20s
{text}
""")
    program = stage.start(where, ["haproxy", "-db", "-f", path])
    stage.lab.wait_port(where, _port(address), watched=program)
    return program


def nginx(stage, where, addresses, servers):
    """nginx with blocks of http servers that listen on `addresses`."""
    folder = stage.lab.fresh_path("-nginx")
    folder.mkdir()
    path = folder / "nginx.conf"
    path.write_text(f"""
daemon off;
user root;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
access_log off;
{servers}
}}
""")
    program = stage.start(where, ["nginx", "-c", path, "-e", "stderr"])
    for address in addresses:
        stage.lab.wait_port(where, _port(address), watched=program)
    return program


def redis(stage, address):
    program = stage.start("C", ["redis-server", "--port", _port(address), "--bind", _host(address), "--protected-mode", "no",
                                "--save", "", "--appendonly", "no", "--dir", stage.lab.directory])
    stage.lab.wait_port("C", _port(address), watched=program)
    return program


# PostgreSQL

POSTGRES_USER = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
"""It refuses to run as root; Debian's package brings this user."""


def postgres_tool(name):
    """Of the newest version that is installed; those in /usr/bin look for a cluster of Debian's making."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return folders[-1] / name


def postgres_template(lab):
    """A data folder with pgbench's tables, made once and copied for each server."""
    os.chmod(lab.directory, 0o755)
    folder = lab.fresh_path("-postgres")
    folder.mkdir()
    shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    lab.run("C", [*POSTGRES_USER, postgres_tool("initdb"), "-D", data, "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8"])
    with open(data / "pg_hba.conf", "a") as rules:
        rules.write("host all all all trust\n")
    program = lab.start("C", _postgres(folder, "", 5432))
    program.wait_for_output("ready to accept connections")
    lab.run("C", [postgres_tool("pgbench"), "-h", folder, "-U", "postgres", "--initialize", "--quiet", "postgres"])
    assert program.stop() == 0, program.output()
    return folder


def postgres(stage, address, folder):
    """A server on a folder of its own, see `copied`."""
    program = stage.start("C", _postgres(folder, _host(address), _port(address)))
    program.wait_for_output("ready to accept connections")
    return program


def copied(stage, template):
    folder = stage.lab.fresh_path("-postgres")
    stage.lab.run("C", ["cp", "-a", template, folder])
    return folder


def _postgres(folder, host, port):
    # What is here is gone with the test: nothing has to reach a disk.
    settings = ("fsync=off", "shared_buffers=16MB", f"listen_addresses={host}", f"unix_socket_directories={folder}")
    flags = [part for setting in settings for part in ("-c", setting)]
    return [*POSTGRES_USER, postgres_tool("postgres"), "-D", folder / "data", "-p", port, *flags]


def kill_family(program):
    """A program and all it has forked, at once, as when a machine loses power."""
    for pid in program.family():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    program.wait()


# OpenSSH

class SSH:
    """A server that knows one user, root, by a key of today; and how its clients are started."""

    def __init__(self, stage, address):
        lab = self.lab = stage.lab
        # Debian makes it when the service is started.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.host_key, self.user_key = lab.fresh_path("-host"), lab.fresh_path("-user")
        for key in (self.host_key, self.user_key):
            lab.run("C", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
        configuration = lab.fresh_path("-sshd")
        configuration.write_text(f"""
ListenAddress {address}
HostKey {self.host_key}
AuthorizedKeysFile {self.user_key}.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
Subsystem sftp internal-sftp
""")
        program = stage.start("C", ["/usr/sbin/sshd", "-D", "-e", "-f", configuration])
        lab.wait_port("C", _port(address), watched=program)

    def argv(self, program, through, *rest):
        """`ssh` or `scp` to an address that has to show this server's key."""
        known = self.lab.fresh_path("-known")
        key = self.host_key.with_name(self.host_key.name + ".pub").read_text()
        known.write_text(f"[{_host(through)}]:{_port(through)} {key}")
        options = ["StrictHostKeyChecking=yes", "BatchMode=yes", "ConnectTimeout=10", f"UserKnownHostsFile={known}",
                   f"Port={_port(through)}"]
        flags = [part for option in options for part in ("-o", option)]
        return [program, "-F", "none", "-i", self.user_key, *flags, *rest]


# Certificates

def certificate(lab, *names):
    """A key and a certificate for these names, signed by itself: the paths of both."""
    key = lab.fresh_path(".key")
    path = key.with_suffix(".crt")
    lab.run("A", ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                  "-out", path, "-days", "2", "-subj", f"/CN={names[0]}",
                  "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)])
    return key, path
