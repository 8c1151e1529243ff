import CLinux

/// What the process may do beyond an ordinary user (capabilities(7)).
package enum Capability {
    /// CAP_SYS_RESOURCE (24) and CAP_SYS_ADMIN (21) lift the per-user quota of pipe pages (pipe(7)).
    package static var exemptsFromPipeQuota: Bool {
        clinux_has_capability(24) == 1 || clinux_has_capability(21) == 1
    }
}
