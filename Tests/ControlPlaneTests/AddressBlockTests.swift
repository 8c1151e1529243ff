import DataPlane
import Testing

@testable import ControlPlane

@Suite("A block of addresses, as it is written")
struct AddressBlockTests {
    private func problem(_ text: String) -> String? {
        do throws(ValueProblem) {
            _ = try AddressBlock(text)
            return nil
        } catch {
            return "\(error.reason); \(error.cure)"
        }
    }

    @Test(
        "is an address or a prefix",
        arguments: ["10.0.0.0/8", "203.0.113.66", "0.0.0.0/0", "2001:db8::/32", "::1", "::/0"])
    func good(text: String) {
        #expect(problem(text) == nil)
    }

    @Test("is refused with its cure")
    func bad() {
        for text in ["", "10.0.0", "host", "10.0.0.0:80", "[::1]", "10.0.0.0 /8", "/8"] {
            #expect(problem(text)?.hasPrefix("is no address; write an IPv4 or IPv6 address") == true, "\(text)")
        }
        for text in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/255.0.0.0", "10.0.0.0/8/9", "10.0.0.0/+8"] {
            #expect(
                problem(text)
                    == "has a prefix length that is none; write a number from 0 to 32 behind the slash", "\(text)")
        }
        #expect(problem("::/129") == "has a prefix length that is none; write a number from 0 to 128 behind the slash")
        #expect(
            problem("10.0.0.1/8")
                == "has bits set behind its prefix; write the network's own address, or a longer prefix")
    }
}
