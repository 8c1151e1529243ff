/// `HOST:FIRST-LAST`: as many addresses as there are ports.
package enum PortRange {
    /// - Parameters:
    ///   - ports: those that a range may hold.
    ///   - countMax: addresses of one range, at most.
    /// - Returns: one address for each port, or `text` itself where it has no range. Nothing else of it is looked at.
    package static func expand(
        _ text: String, ports: ClosedRange<Int>, countMax: Int
    ) throws(ValueProblem) -> [String] {
        guard !text.hasPrefix("unix:"), let colon = text.lastIndex(of: ":") else { return [text] }
        let tail = text[text.index(after: colon)...].split(separator: "-", omittingEmptySubsequences: false)
        guard tail.count == 2, tail.allSatisfy(WholeNumber.isDigits) else { return [text] }
        guard let first = Int(tail[0]), let last = Int(tail[1]), ports.contains(first), ports.contains(last) else {
            throw ValueProblem(
                "has a port that is none",
                cure: "write FIRST-LAST with numbers from \(ports.lowerBound) to \(ports.upperBound)")
        }
        guard first <= last else {
            throw ValueProblem("has a range of ports that runs backwards", cure: "write \(last)-\(first)")
        }
        let count = last - first + 1
        guard count <= countMax else {
            throw ValueProblem("stands for \(count) addresses", cure: "write a range of at most \(countMax) ports")
        }
        return (first...last).map { "\(text[...colon])\($0)" }
    }
}
