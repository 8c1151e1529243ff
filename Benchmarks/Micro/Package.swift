// swift-tools-version: 6.2
import PackageDescription

/// As in the package two folders up.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .treatAllWarnings(as: .error),
]

/// A package of its own, so that nobody who builds Longsplice has to build the benchmark framework.
///
/// The data plane's sources are a link, and they are compiled into the benchmarks' own module: as a dependency they would be
/// another package's, whose `package` declarations cannot be seen, and another module's, so that `Worker<E>` would not be
/// specialised for the benchmarks' engine. Within one module the whole-module optimiser treats `Worker<QuickEngine>` as it
/// treats `Worker<UringEngine>` in the program, without a flag or an attribute.
let package = Package(
    name: "longsplice-micro",
    dependencies: [
        // Without its traits, which bring in counting allocators from further packages: CCounts counts instead.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: [])
    ],
    targets: [
        .target(name: "CLinux", path: "Shared/CLinux", cSettings: [.treatAllWarnings(as: .error)]),
        .target(name: "LinuxCalls", dependencies: ["CLinux"], path: "Shared/LinuxCalls", swiftSettings: strict),
        .target(name: "CCounts", cSettings: [.treatAllWarnings(as: .error)]),
        // The framework looks for benchmarks in folders of a folder with this name only.
        .executableTarget(
            name: "DataPlaneMicro",
            dependencies: [
                "LinuxCalls", "CLinux", "CCounts", .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/DataPlaneMicro",
            // The framework brings in another view of <linux/io_uring.h> than liburing's, and one compilation cannot have both.
            // What is left out is io_uring's engine and who chooses between engines; the benchmarks bring their own.
            exclude: [
                "DataPlane/Engines/Uring", "DataPlane/Engines/EngineChoice.swift",
                "DataPlane/Worker/WorkerThread.swift",
            ],
            swiftSettings: strict,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        ),
    ]
)
