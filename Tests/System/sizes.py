"""Three scales for one suite: everyday sizes, full ones with LONGSPLICE_FULL=1, and the acceptance
matrix's with LONGSPLICE_TORTURE=1."""

import os

KiB, MiB, GiB = 1 << 10, 1 << 20, 1 << 30

TORTURE = os.environ.get("LONGSPLICE_TORTURE") == "1"
FULL = os.environ.get("LONGSPLICE_FULL") == "1" or TORTURE

CONTROLS = TORTURE or os.environ.get("LONGSPLICE_CONTROLS") == "1"
"""Whether HAProxy and nginx take the proxy's place in the matrix' tests too."""


def sized(everyday, full, torture=None):
    """Without a size of its own, torture takes the full one."""
    if TORTURE and torture is not None:
        return torture
    return full if FULL else everyday
