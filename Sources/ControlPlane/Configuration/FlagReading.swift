/// One flag's text as a value; refusals name the flag.
package enum FlagReading {
    package static func number(_ text: String?, _ flag: String, _ range: ClosedRange<Int>) throws(Refusal) -> Int? {
        try read(text, flag) { value throws(ValueProblem) in try WholeNumber.parse(value, in: range) }
    }

    package static func size(_ text: String?, _ flag: String, _ range: ClosedRange<Int>) throws(Refusal) -> Int? {
        try read(text, flag) { value throws(ValueProblem) in try ByteSize(value, in: range).bytes }
    }

    package static func time(_ text: String?, _ flag: String, atLeast shortest: TimeSpan = Bounds.shortestTime)
        throws(Refusal) -> Int64?
    {
        try read(text, flag) { value throws(ValueProblem) in try TimeSpan(value, atLeast: shortest).milliseconds }
    }

    package static func choice<C: RawRepresentable & CaseIterable>(
        _ text: String?, _ flag: String, _: C.Type = C.self
    ) throws(Refusal) -> C? where C.RawValue == String {
        try read(text, flag) { value throws(ValueProblem) in
            guard let choice = C(rawValue: value) else { throw ValueProblem.noChoice(C.allCases.map(\.rawValue)) }
            return choice
        }
    }

    package static func read<V>(
        _ text: String?, _ flag: String, _ parse: (String) throws(ValueProblem) -> V
    ) throws(Refusal) -> V? {
        guard let text else { return nil }
        do throws(ValueProblem) {
            return try parse(text)
        } catch {
            throw Refusal(.usage, flag: flag, value: text, error)
        }
    }
}
