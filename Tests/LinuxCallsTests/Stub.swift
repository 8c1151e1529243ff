import Testing
@testable import LinuxCalls
