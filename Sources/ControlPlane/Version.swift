/// Which Longsplice this is.
package enum Version {
    /// Semantic versioning; the one place where the number stands.
    package static let number = "0.1.0"
    /// What `longsplice --version` prints.
    package static let sentence = "longsplice \(number)"
}
