// swift-tools-version: 6.2
import PackageDescription

/// A package that somebody else could have written. It names its dependency, so that the checkout's folder may have any name.
let package = Package(
    name: "consumer",
    dependencies: [.package(name: "longsplice", path: "../..")],
    targets: [
        .executableTarget(
            name: "consumer", dependencies: [.product(name: "Longsplice", package: "longsplice")],
            path: "Sources/Consumer"),
        // Counts its own descriptors and threads, and so has a process to itself.
        .executableTarget(
            name: "leaks", dependencies: [.product(name: "Longsplice", package: "longsplice")], path: "Sources/Leaks",
            swiftSettings: [.treatAllWarnings(as: .error)]),
    ]
)
