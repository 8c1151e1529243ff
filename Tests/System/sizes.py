"""Two scales for one suite: everyday sizes, and full ones with LONGSPLICE_FULL=1."""

import os

KiB, MiB, GiB = 1 << 10, 1 << 20, 1 << 30

FULL = os.environ.get("LONGSPLICE_FULL") == "1"


def sized(everyday, full):
    return full if FULL else everyday
