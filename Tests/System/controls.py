"""HAProxy and nginx in Longsplice's place, with the same flags as far as they have such a thing.

What becomes of them is told in the matrix and gates nothing.
"""

from lab import HAProxy, NginxStream, endpoint
from stage import Stage

CONTROL_SHARE = 10


def share(stage, amount):
    """Of a size of the matrix: all of it for Longsplice, a tenth for a control."""
    return max(1, amount // CONTROL_SHARE) if isinstance(stage, ControlStage) else amount


_PROGRAMS = {"haproxy": HAProxy, "nginx": NginxStream}
_TIMEOUTS = {"--connect-timeout": "connect", "--idle-timeout": "idle", "--fin-timeout": "fin",
             "--prologue-timeout": "prologue"}
"""The last one is of the controls alone: Longsplice has it in its file."""


class ControlStage(Stage):
    def serve(self, upstreams, *flags, listen=None, names=None, reloads=False, **_):
        lab = self.lab
        listen = listen or endpoint(lab.address("B"), lab.free_port("B"))
        proxy = _PROGRAMS[self.engine](lab, "B", listen, upstreams)
        proxy.wrapper, proxy.reloads = self.wrapper, reloads
        for flag, name in _TIMEOUTS.items():
            if flag in flags:
                proxy.timeouts[name] = flags[flags.index(flag) + 1]
        if "--accept-proxy" in flags:
            proxy.trusted = flags[flags.index("--accept-proxy") + 1]
        if "--send-proxy" in flags:
            proxy.told = flags[flags.index("--send-proxy") + 1]
        proxy.names = names or {}
        if self.engine == "nginx" and "--fin-timeout" in flags:
            proxy.timeouts["idle"] = proxy.timeouts["fin"]  # It has one timeout for both.
        self._proxies.append(proxy)
        proxy.start()
        proxy.addresses = proxy.listen
        return proxy

    def _inspect(self, proxy):
        assert proxy.alive(), f"the control died with {proxy.process.wait()}:\n{proxy.output()}"

    def _story(self, proxy):
        return proxy.output()[-2000:]
