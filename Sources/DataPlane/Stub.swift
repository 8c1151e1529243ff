import LinuxCalls
