import ArgumentParser
import ControlPlane
import LoadGenerator

/// Where a run's connections go to and come from.
struct BenchPlaceFlags: ParsableArguments {
    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Where to connect, in turns: an address, [IPv6]:PORT, a name, or unix:PATH. Repeatable.",
            valueName: "HOST:PORT"))
    var target: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            """
            A local address to connect from, in turns, or a range of them, e.g. 127.0.0.1-127.0.0.200, so that one \
            address's ports are no bound. Repeatable.
            """, valueName: "ADDRESS"))
    var source: [String] = []

    func write(to settings: inout RunSettings) throws(Refusal) {
        settings.targets = try BenchPlaces.addresses(target, "--target", ports: 1...65_535)
        settings.sources = try BenchPlaces.sources(source)
    }
}
