"""Answers that the kernel gives because strace(1) tells it to."""


def strace(*faults, calls, record="/dev/null"):
    """A wrapper under which system calls fail: `faults` as for `-e inject=`, without that word.

    The tracer is a grandchild (-D), so that the process and its signals are the proxy's own.
    """
    wrapper = ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", record, "-e", f"trace={calls}"]
    for fault in faults:
        wrapper += ["-e", f"inject={fault}"]
    return wrapper
