/// Bytes without their values: which stream they belong to, and from which place on.
///
/// That is all the ledger has to know. A lost, repeated, swapped or foreign byte shows as a run that does not continue the
/// one before, at its exact place.
struct ByteRun: Equatable {
    let stream: UInt32
    let offset: Int
    var count: Int
}

/// A queue of bytes: a socket's buffer or a pipe.
struct ByteRuns {
    private var runs: [ByteRun] = []
    private var first = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ run: ByteRun) {
        guard run.count > 0 else { return }
        count += run.count
        if first < runs.count, let last = runs.last, last.stream == run.stream, last.offset + last.count == run.offset {
            runs[runs.count - 1].count += run.count
        } else {
            runs.append(run)
        }
    }

    /// Takes up to `limit` bytes off the front and hands them on, run by run.
    mutating func take(_ limit: Int, into put: (ByteRun) -> Void) -> Int {
        var left = limit
        while left > 0 && first < runs.count {
            let head = runs[first]
            let taken = min(left, head.count)
            put(ByteRun(stream: head.stream, offset: head.offset, count: taken))
            if taken == head.count {
                first += 1
            } else {
                runs[first] = ByteRun(stream: head.stream, offset: head.offset + taken, count: head.count - taken)
            }
            left -= taken
        }
        if first == runs.count {
            runs.removeAll(keepingCapacity: true)
            first = 0
        }
        count -= limit - left
        return limit - left
    }

    mutating func removeAll() {
        runs.removeAll(keepingCapacity: true)
        first = 0
        count = 0
    }
}
