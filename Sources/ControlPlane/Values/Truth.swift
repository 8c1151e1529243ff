/// `true` or `false`, and nothing else that YAML 1.1 would take for one of them (`yes`, `on`, `y`).
package enum Truth {
    package static func parse(_ text: String) throws(ValueProblem) -> Bool {
        switch text {
        case "true": true
        case "false": false
        default: throw ValueProblem("is neither true nor false", cure: "write true or false")
        }
    }
}
