import ControlMessages
import FoundationEssentials

/// The body of an order for one server.
package struct ServerAction: Codable, Sendable {
    package enum Name: String, Codable, CaseIterable, Sendable {
        case drain
        case enable
        case weight
        case add
        case remove
    }

    package var action: Name
    package var weight: Int?
    package var backup: Bool?

    package init(_ order: ServerOrder) {
        switch order {
        case .drain: action = .drain
        case .enable: action = .enable
        case .weight(let wanted):
            action = .weight
            weight = wanted
        case .add(let wanted, let isBackup):
            action = .add
            weight = wanted
            backup = isBackup
        case .remove: action = .remove
        }
    }

    /// Throws what is wrong with a body that is no order.
    static func order(_ body: [UInt8]) throws(ControlReply.Problem) -> ServerOrder {
        guard !body.isEmpty, let read = try? JSONDecoder().decode(ServerAction.self, from: Data(body)) else {
            let names = Name.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
            throw ControlReply.Problem(
                400,
                "the body is no order; write {\"action\": one of \(names)}, with \"weight\" and \"backup\" as needed")
        }
        return try read.order
    }

    private var order: ServerOrder {
        get throws(ControlReply.Problem) {
            if action != .add && backup != nil { throw Self.tooMuch("backup", "add") }
            if action != .add && action != .weight && weight != nil { throw Self.tooMuch("weight", "weight and add") }
            switch action {
            case .drain: return .drain
            case .enable: return .enable
            case .remove: return .remove
            case .add: return .add(weight: weight, isBackup: backup ?? false)
            case .weight:
                guard let weight else {
                    throw ControlReply.Problem(
                        400, "the weight is missing; write {\"action\": \"weight\", \"weight\": 2}")
                }
                return .weight(weight)
            }
        }
    }

    private static func tooMuch(_ key: String, _ actions: String) -> ControlReply.Problem {
        ControlReply.Problem(400, "\(key) is for \(actions) only; leave it out")
    }
}
