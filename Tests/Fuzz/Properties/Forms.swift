@testable import HTTP

/// A multipart body. Its boundary is `b`, or what the first line says if that is the value of a Content-Type.
func checkForm(_ input: UnsafeRawBufferPointer) {
    var (boundary, body) = ("b", input)
    if let end = input.prefix(200).firstIndex(of: 0x0A), input.starts(with: "multipart/".utf8),
        let named = MediaType(String(decoding: input[..<end], as: UTF8.self))?["boundary"]
    {
        (boundary, body) = (named, UnsafeRawBufferPointer(rebasing: input[(end + 1)...]))
    }
    var limits = MultipartLimits()
    limits.maxParts = 5
    limits.maxPartHeaderBytes = 200
    limits.maxSurroundingBytes = 50
    guard let parser = try? MultipartParser(boundary: boundary, limits: limits) else { return }
    let outcome = checkPieces(body) { body, pieces in
        read(pieces.map { piece in withExactCopy(of: body, piece) { Array($0) } }, parser)
    }
    checkLaws(of: outcome, boundary: boundary, limits, input: body.count)
}

private struct FormOutcome: Equatable {
    var parts: [(part: MultipartPart, data: [UInt8], isWhole: Bool)] = []
    var error: MultipartError?

    static func == (one: FormOutcome, other: FormOutcome) -> Bool {
        one.error == other.error && one.parts.elementsEqual(other.parts, by: ==)
    }
}

private func read(_ pieces: [[UInt8]], _ parser: MultipartParser) -> FormOutcome {
    var parser = parser
    var outcome = FormOutcome()
    do throws(MultipartError) {
        for piece in pieces {
            for event in try parser.consume(piece) { add(event, to: &outcome) }
        }
        try parser.finish()
    } catch {
        outcome.error = error
        // How much came out before a fault may depend on the cuts; the fault may not.
        outcome.parts = []
    }
    return outcome
}

private func add(_ event: MultipartEvent, to outcome: inout FormOutcome) {
    let last = outcome.parts.count - 1
    switch event {
    case .partBegan(let part):
        require(last < 0 || outcome.parts[last].isWhole, "a part begins when the one before has ended")
        outcome.parts.append((part, [], false))
    case .data(let bytes):
        require(!bytes.isEmpty && last >= 0 && !outcome.parts[last].isWhole, "data belongs to a part")
        outcome.parts[last].data += bytes
    case .partEnded:
        require(last >= 0 && !outcome.parts[last].isWhole, "a part ends once")
        outcome.parts[last].isWhole = true
    }
}

private func checkLaws(of outcome: FormOutcome, boundary: String, _ limits: MultipartLimits, input count: Int) {
    let delimiter = Array("\r\n--\(boundary)".utf8)
    require(outcome.parts.count <= limits.maxParts, "the limit of parts holds")
    require(outcome.parts.reduce(0) { $0 + $1.data.count } <= count, "no more comes out than went in")
    for part in outcome.parts {
        require(part.isWhole, "a form that is complete has complete parts")
        require(part.part.name.utf8.count <= 3 * limits.maxPartHeaderBytes, "a name is as long as headers may be")
        var rest = part.data[...]
        while let start = rest.firstIndex(of: 0x0D) {
            require(!rest[start...].starts(with: delimiter), "no boundary is inside of a part")
            rest = rest[(start + 1)...]
        }
    }
}
