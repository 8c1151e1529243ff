import ArgumentParser
import ControlPlane

/// `longsplice doctor`
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what this machine offers, what binds, and what to change.",
        discussion: "The exit status is 0 only when `longsplice serve --engine uring` would start."
    )

    func run() throws {
        let diagnosis = Diagnosis(try Examination.ofThisMachine())
        print(diagnosis.text)
        throw ExitCode(diagnosis.exitStatus)
    }
}
