// swift-tools-version: 6.2
import PackageDescription

/// A relay for the comparison, apart from Longsplice's own package so that nobody needs SwiftNIO who does not measure.
let package = Package(
    name: "nio-relay",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0")
    ],
    targets: [
        .executableTarget(
            name: "nio-relay",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: [.enableUpcomingFeature("ExistentialAny"), .treatAllWarnings(as: .error)]
        )
    ]
)
