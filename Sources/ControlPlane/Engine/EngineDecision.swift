import DataPlane

/// Which engine the workers run on, and why not on io_uring where that was possible to wish for.
package struct EngineDecision: Sendable {
    package let choice: EngineChoice
    /// Nil unless `auto` had to do without io_uring.
    package let obstacle: UringObstacle?

    /// Throws where io_uring was asked for and cannot be had.
    /// - Parameters:
    ///   - origin: where the wish was written.
    ///   - descriptors: one more than the highest descriptor number.
    ///   - names: what the settings are called where they were written.
    ///   - probe: looks at io_uring; not called when epoll is asked for.
    package init(
        _ wish: EngineWish, at origin: Origin = .flag(ValueNames.flags.engine), _ ring: UringSettings, descriptors: Int,
        disabled: Int?, names: ValueNames = .flags,
        probe: (UringSettings) -> UringFindings = { UringFindings(UringProbe($0)) }
    ) throws(Refusal) {
        let epoll = EngineChoice.epoll(descriptors: descriptors, buffers: ring.buffers)
        guard wish != .epoll else {
            self.init(epoll, nil)
            return
        }
        guard let obstacle = probe(ring).obstacle(ring, disabled: disabled, names: names) else {
            self.init(.uring(ring), nil)
            return
        }
        guard wish == .auto else { throw Self.refusal(obstacle, origin) }
        self.init(epoll, obstacle)
    }

    /// The same workers on epoll, since their rings could not all be made.
    package init(fallingBackTo descriptors: Int, _ ring: UringSettings, _ obstacle: UringObstacle) {
        self.init(.epoll(descriptors: descriptors, buffers: ring.buffers), obstacle)
    }

    private init(_ choice: EngineChoice, _ obstacle: UringObstacle?) {
        self.choice = choice
        self.obstacle = obstacle
    }

    package static func refusal(
        _ obstacle: UringObstacle, _ origin: Origin = .flag(ValueNames.flags.engine)
    ) -> Refusal {
        let auto =
            switch origin {
            case .flag(let name): "\(name) \(EngineWish.auto)"
            case .file: "\(ValueNames.file.engine): \(EngineWish.auto)"
            }
        return Refusal(
            .failure, at: origin, value: EngineWish.uring.rawValue,
            ValueProblem(obstacle.reason, cure: "\(obstacle.cure), or use \(auto)"))
    }

    /// The one sentence on why epoll was taken, nil where that is what was asked for.
    package var fallback: String? {
        obstacle.map { "running on epoll: \($0.reason); to change that, \($0.cure)" }
    }
}
