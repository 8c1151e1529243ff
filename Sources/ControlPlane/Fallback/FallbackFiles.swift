import Logging

/// The fallback files of all pools; pools that name the same path share one.
struct FallbackFiles {
    private let files: [FallbackFile]
    /// Those that no pool names any more: somebody may still be getting them.
    private let kept: [FallbackFile]

    /// Throws what is wrong with the first one that cannot be sent.
    /// - Parameter former: the files until now, of which those that are still named stay.
    init(_ pools: [PoolConfiguration], after former: FallbackFiles? = nil) throws(Refusal) {
        let known = (former?.files ?? []) + (former?.kept ?? [])
        var files: [FallbackFile] = []
        for case let fallback? in pools.map(\.fallback) where !files.contains(where: { $0.path == fallback.value }) {
            if let file = known.first(where: { $0.path == fallback.value }) {
                files.append(file)
                continue
            }
            do throws(ValueProblem) {
                files.append(try FallbackFile(fallback.value))
            } catch {
                throw Refusal(.failure, at: fallback.origin, value: fallback.value, error)
            }
        }
        self.files = files
        kept = known.filter { one in !files.contains { $0 === one } }
    }

    /// Negative for none.
    func descriptor(of pool: PoolConfiguration) -> Int32 {
        files.first { $0.path == pool.fallback?.value }?.descriptor ?? -1
    }

    func report(to log: Logger) {
        for file in files { log.info("fallback file", metadata: Self.metadata(of: file)) }
    }

    /// Takes over new versions, and tells of that or of what stands in the way.
    func renew(_ log: Logger) {
        for file in files {
            switch file.look() {
            case nil: break
            case .renewed: log.info("fallback file read anew", metadata: Self.metadata(of: file))
            case .recovered: log.info("fallback file is there again", metadata: Self.metadata(of: file))
            case .trouble(let problem):
                log.warning(
                    "fallback file \(Escape.value(file.path)) \(problem.reason), and the version read before is sent on; \(problem.cure)"
                )
            }
        }
    }

    private static func metadata(of file: FallbackFile) -> Logger.Metadata {
        ["path": "\(file.path)", "bytes": "\(file.bytes)"]
    }
}
