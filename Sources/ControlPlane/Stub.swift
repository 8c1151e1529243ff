import DataPlane
import Glibc
import Logging
import CLinux
import LinuxCalls
func stub() { var s = stat(); _ = lstat("/x", &s); _ = WorkerSettings(target: .echo); _ = EngineChoice.uring(UringSettings()) }
