import CLinux

/// A system call that failed: which call, and the kernel's reason.
///
/// The only place where an errno gets a name. Sources: errno(3) and the man page of each call.
package struct SystemError: Error, Equatable, BitwiseCopyable {
    /// The errno as a positive number, e.g. `ECONNREFUSED` = 111.
    package let code: Int32
    /// The call's name as its man page spells it.
    package let call: StaticString

    /// - Parameter code: an errno, positive or as `-errno`.
    package init(_ code: Int32, in call: StaticString) {
        self.code = code < 0 ? 0 &- code : code
        self.call = call
    }

    package static func == (a: SystemError, b: SystemError) -> Bool { a.code == b.code }

    /// errno's symbol, e.g. `ECONNREFUSED`.
    package var name: String { String(cString: clinux_error_name(code)) }
    /// errno's sentence, e.g. `Connection refused`.
    package var reason: String { String(cString: clinux_error_text(code)) }
}

extension SystemError: CustomStringConvertible {
    package var description: String { "\(call): \(reason) (\(name))" }
}

/// Hands a call's result on, or throws what `-errno` says.
@inline(__always)
package func checked(_ result: Int32, _ call: StaticString) throws(SystemError) -> Int32 {
    if result < 0 { throw SystemError(result, in: call) }
    return result
}
