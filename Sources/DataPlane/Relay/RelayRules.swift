/// How bytes are moved: what the operator has asked for.
package enum RelayPolicy: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    /// Each direction by what it shows: small messages are copied, bulk is spliced.
    case adaptive
    /// Splice; copied is only what can have no pipe.
    case splice
    case copy
}

/// How one direction moves its bytes at present.
package enum RelayMode: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    case copy
    case splice
}

/// Why a direction is in its present mode.
package enum RelayReason: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    /// It is new and has shown nothing yet.
    case new
    /// `--relay` says so.
    case pinned
    /// It has carried a lot in one go: spliced.
    case bulk
    /// What came was too little for splice's effort: copied.
    case small
    /// Nothing came for a while: copied.
    case quiet
    /// There was no pipe: copied.
    case noPipe
}

/// How one direction of a connection has moved its bytes in the end, and why.
package struct RelayMark: BitwiseCopyable, Sendable, Equatable {
    package let mode: RelayMode
    package let reason: RelayReason

    package init(_ mode: RelayMode, _ reason: RelayReason) {
        self.mode = mode
        self.reason = reason
    }
}

/// When a direction changes between copying and splicing. The figures behind the defaults are in ARCHITECTURE.md
/// (Decisions).
package struct RelayRules: BitwiseCopyable, Sendable, Equatable {
    package var policy = RelayPolicy.adaptive
    /// Bytes one way, with no word from the other side and no pause in between, that prove bulk.
    package var bulkBytes: UInt32 = 65_536
    /// A receive of fewer bytes that leaves nothing behind is no part of bulk.
    package var bulkReceiveBytesMin: Int32 = 4_096
    /// A pause that ends a run of bytes.
    package var pauseMillis: Int64 = 20
    /// A fill of fewer bytes is too small for splice.
    package var fillBytesMin: Int32 = 16_384
    /// So many small fills in a row bring a direction back to copying.
    package var smallFillsMax: UInt8 = 4

    /// How much has to wait at the source of bulk before a chain takes it (SO_RCVLOWAT): what comes in two milliseconds, not
    /// more than this; 0 for never.
    package var lowWaterBytesMax: UInt32 = 524_288
    /// A direction that is slower than this in two milliseconds is left alone.
    package var lowWaterBytesMin: UInt32 = 262_144
    /// Fewer lanes that move at once take larger chains by themselves.
    package var lowWaterLanesMin = 4
    /// Only for directions that have moved so much without a word from the other side.
    package var lowWaterRunBytes: UInt64 = 16 << 20
    /// How long a direction is looked at before it is judged.
    package var lowWaterWindowMillis: Int64 = 8
    /// What is there waits for more no longer than this.
    package var lowWaterPatienceMillis: Int64 = 8

    package init(policy: RelayPolicy = .adaptive) { self.policy = policy }
}
