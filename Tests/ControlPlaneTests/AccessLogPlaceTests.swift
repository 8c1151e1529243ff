import Testing

@testable import ControlPlane

@Suite("The place of the access log")
struct AccessLogPlaceTests {
    @Test(
        "is a file, standard output or a UNIX socket",
        arguments: [
            ("-", AccessLogPlace.standardOutput), ("/var/log/x", .file("/var/log/x")), ("./-", .file("./-")),
            ("unix:/run/x.sock", .socket(path: "/run/x.sock")),
        ])
    func places(text: String, place: AccessLogPlace) throws {
        #expect(try AccessLogPlace(text) == place)
        #expect(place.text == text)
    }

    @Test("that cannot be a path is refused")
    func refusals() {
        #expect(problem { () throws(ValueProblem) in _ = try AccessLogPlace("") }?.reason == "has no path")
        #expect(problem { () throws(ValueProblem) in _ = try AccessLogPlace("unix:") }?.reason == "has no path")
        let long = String(repeating: "x", count: 5_000)
        #expect(
            problem { () throws(ValueProblem) in _ = try AccessLogPlace(long) }?.reason
                == "has a path longer than 4095 bytes")
        #expect(
            problem { () throws(ValueProblem) in _ = try AccessLogPlace("unix:" + long) }?.reason
                == "has a path longer than 107 bytes")
    }

    @Test(
        "that cannot be opened is refused with the reason and the cure",
        arguments: [
            ("/nowhere/at/all/access", "is in a directory that does not exist (ENOENT)", "make the directory"),
            ("/dev/null/access", "is in a directory that does not exist (ENOTDIR)", "make the directory"),
            ("/tmp", "is a directory", "write the path of a file in it"),
            ("unix:/nowhere/at/all.sock", "has nobody who listens (ENOENT)", "start the program that reads it"),
        ])
    func opening(text: String, reason: String, cure: String) throws {
        let place = try AccessLogPlace(text)
        let found = problem { () throws(ValueProblem) in _ = try LogSink.open(place) }
        #expect(found?.reason == reason)
        #expect(found?.cure.hasPrefix(cure) == true)
    }
}
