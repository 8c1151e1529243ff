// swift-tools-version: 6.2
import PackageDescription

/// Settings for every Swift target: the Swift 6 language mode comes with the tools version, each `any` is written out,
/// and a warning is an error, so that none can be left to grow old.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "longsplice",
    products: [
        .executable(name: "longsplice", targets: ["LongspliceCommand"]),
        .library(name: "Longsplice", targets: ["Longsplice"]),
        // For C: liblongsplice-c.so, since "longsplice" is the program.
        .library(name: "longsplice-c", type: .dynamic, targets: ["LongspliceC"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        // Without its traits, which bring in all of Foundation.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
    ],
    targets: [
        // Imports point one way:
        // LongspliceCommand → ControlPlane, Longsplice → DataPlane → LinuxCalls → CLinux,
        // LongspliceC, forward, file-server → Longsplice, and
        // LongspliceCommand → LoadGenerator → LinuxCalls → CLinux.
        .systemLibrary(
            name: "CLiburing",
            path: "CLiburing",
            pkgConfig: "liburing",
            providers: [.apt(["liburing-dev"])]
        ),
        .target(name: "CLinux", cSettings: [.treatAllWarnings(as: .error)]),
        .target(name: "LinuxCalls", dependencies: ["CLinux"], swiftSettings: strict),
        .target(name: "DataPlane", dependencies: ["LinuxCalls", "CLinux", "CLiburing"], swiftSettings: strict),
        .target(name: "Longsplice", dependencies: ["DataPlane", "LinuxCalls", "CLinux"], swiftSettings: strict),
        // The header alone: for C compilers by its path, and for LongspliceC, which is checked against it.
        .systemLibrary(name: "LongspliceHeader", path: "Sources/LongspliceHeader"),
        .target(
            name: "LongspliceC", dependencies: ["LongspliceHeader", "Longsplice", "LinuxCalls", "CLinux"],
            swiftSettings: strict),
        .executableTarget(
            name: "forward", dependencies: ["Longsplice"], path: "Sources/Examples/Forward", swiftSettings: strict),
        .executableTarget(
            name: "file-server", dependencies: ["Longsplice"], path: "Sources/Examples/FileServer",
            swiftSettings: strict),
        .target(name: "ControlMessages", swiftSettings: strict),
        .target(
            name: "ControlSocket",
            dependencies: [
                "ControlMessages", "LinuxCalls", "CLinux", .product(name: "Logging", package: "swift-log"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "ControlPlane",
            dependencies: [
                "ControlMessages", "DataPlane", "LinuxCalls", "CLinux", .product(name: "Logging", package: "swift-log"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "LoadGenerator",
            dependencies: ["LinuxCalls", "CLinux", .product(name: "Histogram", package: "hdrhistogram-swift")],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "LongspliceCommand",
            dependencies: [
                "ControlPlane", "ControlSocket", "ControlMessages", "Longsplice", "LoadGenerator", "LinuxCalls",
                "CLinux",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "TestSupport", dependencies: ["LinuxCalls", "CLinux"], path: "Tests/TestSupport",
            swiftSettings: strict),
        .testTarget(name: "LinuxCallsTests", dependencies: ["LinuxCalls", "CLinux"], swiftSettings: strict),
        .testTarget(
            name: "DataPlaneTests",
            dependencies: ["DataPlane", "LoadGenerator", "LinuxCalls", "CLinux", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LongspliceTests",
            dependencies: ["Longsplice", "DataPlane", "LoadGenerator", "LinuxCalls", "CLinux", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ControlSocketTests", dependencies: ["ControlSocket", "ControlMessages", "LinuxCalls", "CLinux"],
            swiftSettings: strict),
        .testTarget(
            name: "ControlPlaneTests",
            dependencies: ["ControlPlane", "ControlMessages", "DataPlane", "LinuxCalls", "CLinux"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "LoadGeneratorTests", dependencies: ["LoadGenerator", "LinuxCalls", "CLinux"], swiftSettings: strict),
    ]
)
