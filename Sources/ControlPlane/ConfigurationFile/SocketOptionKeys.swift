import LinuxCalls

/// Keys of TCP sockets, which listeners and pools have alike.
struct SocketOptionKeys<Target> {
    private let draft: WritableKeyPath<Target, SocketDraft>

    init(_ draft: WritableKeyPath<Target, SocketDraft>) { self.draft = draft }

    var keepalive: FileKey<Target> {
        let section = FileKey<Target>.section(
            "keepalive", "Finds silent connections that are lost; the key alone means the defaults.",
            keepaliveRules)
        return FileKey(
            section.name, wanted: section.wanted, schema: section.schema
        ) { [draft] node, path, reading, target in
            section.read(node, path, &reading, &target)
            let place = Origin.file(reading.place(of: node, path))
            target[keyPath: draft].options.append(Placed(.keepalive(target[keyPath: draft].keepalive), at: place))
        }
    }

    private var keepaliveRules: [FileKey<Target>] {
        let rules = Keepalive()
        return [
            .seconds("idle", standard: rules.idleSeconds, "Silence before the first probe.") { [draft] in
                $0[keyPath: draft].keepalive.idleSeconds = $1.value
            },
            .seconds("interval", standard: rules.intervalSeconds, "Between probes.") { [draft] in
                $0[keyPath: draft].keepalive.intervalSeconds = $1.value
            },
            .number("probes", 1...127, standard: Int(rules.probes), "Without an answer, at most.") { [draft] in
                $0[keyPath: draft].keepalive.probes = Int32($1.value)
            },
        ]
    }

    var userTimeout: FileKey<Target> {
        .time(
            "user_timeout", atMost: Bounds.longestUserTimeout, "How long sent data may stay unacknowledged."
        ) { add(.userTimeout(milliseconds: Int32($1.value)), at: $1.origin, to: &$0) }
    }

    var congestionControl: FileKey<Target> {
        shortName("congestion_control", example: "congestion_control: bbr", "By its name, as sysctl spells it.") {
            .congestionControl($0)
        }
    }

    func shortName(
        _ name: String, example: String, _ help: String, option: @escaping (ShortName) -> SocketOption
    ) -> FileKey<Target> {
        .value(
            name, .text(example: example), help,
            parse: { text throws(ValueProblem) in
                guard let name = ShortName(text), !text.contains("/"), !text.contains(where: \.isWhitespace) else {
                    throw ValueProblem("is no name", cure: "write 1 to \(ShortName.bytesMax) bytes without a blank")
                }
                return name
            }, set: { add(option($1.value), at: $1.origin, to: &$0) })
    }

    func truth(_ name: String, _ help: String, option: SocketOption) -> FileKey<Target> {
        .value(
            name, .truth, standard: .truth(false), help, parse: Truth.parse,
            set: { if $1.value { add(option, at: $1.origin, to: &$0) } })
    }

    func add(_ option: SocketOption, at origin: Origin, to target: inout Target) {
        target[keyPath: draft].options.append(Placed(option, at: origin))
    }
}

/// Options while their file is read.
struct SocketDraft {
    var options: [Placed<SocketOption>] = []
    var keepalive = Keepalive()
}

extension FileKey {
    /// A time in whole seconds, as the kernel takes it.
    static func seconds(
        _ name: String, standard: Int32? = nil, _ help: String, set: @escaping (inout Target, Placed<Int32>) -> Void
    ) -> FileKey {
        value(
            name, .time(atLeast: Bounds.second, atMost: Bounds.longestSeconds),
            standard: standard.map { .string("\(TimeSpan(milliseconds: Int64($0) * 1_000))") }, help,
            parse: { text throws(ValueProblem) in
                let span = try TimeSpan(text, atLeast: Bounds.second, atMost: Bounds.longestSeconds)
                guard span.milliseconds % 1_000 == 0 else {
                    throw ValueProblem("is no whole number of seconds", cure: "write whole seconds, for example 5s")
                }
                return Int32(span.milliseconds / 1_000)
            }, set: set)
    }

    /// In milliseconds, with the value's place.
    static func time(
        _ name: String, atMost longest: TimeSpan, _ help: String,
        set: @escaping (inout Target, Placed<Int64>) -> Void
    ) -> FileKey {
        value(
            name, .time(atLeast: Bounds.shortestTime, atMost: longest), help,
            parse: { text throws(ValueProblem) in
                try TimeSpan(text, atLeast: Bounds.shortestTime, atMost: longest).milliseconds
            }, set: set)
    }
}
