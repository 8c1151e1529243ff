/// Finds what makes reading cost more than the text is long, before the parser sees it: an anchor's value can be repeated without end,
/// and an explicit key can be as large as the file, which the parser would compare at each level.
///
/// Whatever could be one of them is taken for one. Only where a comment is sure, nothing in it is.
struct CostlyIndicators {
    enum Finding {
        case anchor
        case explicitKey
    }

    private var beforeLast: Unicode.Scalar = "\n"
    private var last: Unicode.Scalar = "\n"
    private var isInComment = false
    /// What stands behind a quote in a comment may be outside a text of several lines.
    private var hasQuote = false

    /// - Returns: what began with the scalar before this one, which is the next of the text.
    mutating func take(_ scalar: Unicode.Scalar) -> Finding? {
        defer {
            beforeLast = last
            last = scalar
        }
        let isSafe = isInComment && !hasQuote
        var finding: Finding?
        switch last {
        case "&"
        where !isSafe && !Self.isWord(beforeLast) && (Self.isWord(scalar) || "_-".unicodeScalars.contains(scalar)):
            finding = .anchor
        case "?" where !isSafe && Self.mayPrecedeKey(beforeLast): finding = .explicitKey
        // In `don't` it neither begins nor ends a text.
        case "'" where !(Self.isWord(beforeLast) && Self.isWord(scalar)): hasQuote = true
        case "\"": hasQuote = true
        default: break
        }
        if scalar == "#", TextPlace.isBreak(last) || last == " " || last == "\t" { isInComment = true }
        if TextPlace.isBreak(scalar) { (isInComment, hasQuote) = (false, false) }
        return finding
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
    }

    private static func mayPrecedeKey(_ scalar: Unicode.Scalar) -> Bool {
        TextPlace.isBreak(scalar) || " \t[]{},:?\"'".unicodeScalars.contains(scalar)
    }
}
