"""Packets that get lost on purpose: rules of iptables(8) in a namespace, gone with the block."""

import contextlib


@contextlib.contextmanager
def rule(lab, *match, where="B", chain="INPUT"):
    """Appends one rule, as `iptables -A` spells it, to a namespace's table and takes it out again."""
    lab.run(where, ["iptables", "-w", "-A", chain, *match])
    try:
        yield
    finally:
        lab.run(where, ["iptables", "-w", "-D", chain, *match])


def finishes_to(port):
    """Segments with FIN for a port are dropped; RST passes."""
    return ("-p", "tcp", "--dport", str(port), "--tcp-flags", "FIN", "FIN", "-j", "DROP")


def connects_to(port, *verdict):
    """SYNs for a port meet the verdict: ("DROP",) or ("REJECT", "--reject-with", …)."""
    return ("-p", "tcp", "--dport", str(port), "--syn", "-j", *verdict)
