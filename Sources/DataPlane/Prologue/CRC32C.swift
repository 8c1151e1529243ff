/// CRC-32C (Castagnoli), reflected, as iSCSI and SCTP have it (RFC 3720 12.1, RFC 4960 appendix B). A nibble at a
/// time: a header of a few hundred bytes once a connection is worth no larger table.
struct CRC32C: BitwiseCopyable {
    private var register: UInt32 = .max

    /// Of what was added so far.
    var value: UInt32 { ~register }

    mutating func add(_ byte: UInt8) {
        register ^= UInt32(byte)
        register = register >> 4 ^ Self.table[Int(register & 15)]
        register = register >> 4 ^ Self.table[Int(register & 15)]
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes { add(byte) }
    }

    /// By the polynomial 0x1EDC6F41, its bits reversed.
    private static let table: InlineArray<16, UInt32> = [
        0x0000_0000, 0x105E_C76F, 0x20BD_8EDE, 0x30E3_49B1, 0x417B_1DBC, 0x5125_DAD3, 0x61C6_9362, 0x7198_540D,
        0x82F6_3B78, 0x92A8_FC17, 0xA24B_B5A6, 0xB215_72C9, 0xC38D_26C4, 0xD3D3_E1AB, 0xE330_A81A, 0xF36E_6F75,
    ]
}
