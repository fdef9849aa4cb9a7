import HTTPTypes
import TestSupport
import Testing
import Zlib

@testable import HTTP

@Suite("compressed bodies are inflated as they come (rule 13)")
struct InflationTests {
    /// A coding, and the wrapping that its data really has.
    static let forms: [(ContentCoding, Inflater.Wrapping)] = [(.gzip, .gzip), (.deflate, .zlib), (.deflate, .raw)]

    static func compressed(_ bytes: [UInt8], _ wrapping: Inflater.Wrapping = .gzip) throws -> [UInt8] {
        guard var deflater = Deflater(wrapping, level: 6) else { throw BodyError.malformedCoding("no memory") }
        return deflater.compress(bytes, isLast: true)
    }

    /// Inflates pieces; gives the result and the largest piece that came out.
    private static func inflate(
        _ pieces: [ArraySlice<UInt8>], _ coding: ContentCoding, _ limits: InflationLimits = .init(maxBytes: 1 << 30)
    ) throws(BodyError) -> (bytes: [UInt8], largest: Int) {
        var inflation = BodyInflation(coding, limits: limits)
        var bytes: [UInt8] = []
        var largest = 0
        for piece in pieces {
            inflation.feed(Array(piece))
            while let piece = try inflation.next() {
                bytes += piece
                largest = max(largest, piece.count)
            }
        }
        try inflation.finish()
        return (bytes, largest)
    }

    private static func sample(_ count: Int, seed: UInt64 = 7) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 0...15, using: &random) }
    }

    @Test("cut anywhere, the body is the same", arguments: forms.indices)
    func cuts(form: Int) throws {
        let (coding, wrapping) = Self.forms[form]
        let body = Self.sample(700)
        let data = try Self.compressed(body, wrapping)
        for cut in 0...data.count {
            #expect(try Self.inflate([data[..<cut], data[cut...]], coding).bytes == body, "cut at \(cut)")
        }
        let single = data.indices.map { data[$0...$0] }
        #expect(try Self.inflate(single, coding).bytes == body)
    }

    @Test("a body of any size comes out whole, in pieces of at most 64 KiB", arguments: forms.indices)
    func sizes(form: Int) throws {
        let (coding, wrapping) = Self.forms[form]
        for size in [0, 1, 65_535, 65_536, 65_537, 131_072, 1_000_000] {
            let body = Self.sample(size)
            let found = try Self.inflate([try Self.compressed(body, wrapping)[...]], coding)
            #expect(found.bytes == body)
            #expect(found.largest <= 65_536)
        }
    }

    @Test("every front of a body is too short", arguments: forms.indices)
    func truncated(form: Int) throws {
        let (coding, wrapping) = Self.forms[form]
        let data = try Self.compressed(Self.sample(300), wrapping)
        for count in data.indices {
            let error = #expect(throws: BodyError.self) { try Self.inflate([data[..<count]], coding) }
            guard case .malformedCoding(let detail) = error else {
                Issue.record("\(error as Any) at \(count)")
                return
            }
            #expect(detail.contains("ends before its end marker"), "\(count) bytes")
        }
    }

    @Test("what follows the end is refused, in the same piece or the next one", arguments: forms.indices)
    func surplus(form: Int) throws {
        let (coding, wrapping) = Self.forms[form]
        let data = try Self.compressed(Self.sample(300), wrapping)
        for rest in [[0], [1, 2, 3], coding == .gzip ? [0] : data] {
            for pieces in [[(data + rest)[...]], [data[...], rest[...]]] {
                let error = #expect(throws: BodyError.self) { try Self.inflate(pieces, coding) }
                #expect("\(error as Any)".contains("follows"))
            }
        }
    }

    @Test("the members of a gzip body are put together, wherever it is cut")
    func members() throws {
        let data = try Self.compressed([1, 2, 3]) + Self.compressed([]) + Self.compressed([4, 5])
        #expect(try Self.inflate([data[...]], .gzip).bytes == [1, 2, 3, 4, 5])
        for cut in data.indices {
            #expect(try Self.inflate([data[..<cut], data[cut...]], .gzip).bytes == [1, 2, 3, 4, 5], "cut at \(cut)")
        }
        #expect(throws: BodyError.self) { try Self.inflate([data.dropLast()], .gzip) }
    }

    @Test("members without end are refused")
    func manyMembers() throws {
        let member = try Self.compressed([])
        let data = Array(repeatElement(member, count: 10_001).joined())
        let error = #expect(throws: BodyError.self) { try Self.inflate([data[...]], .gzip) }
        #expect(error?.description.contains("10000 gzip members") == true)
    }

    @Test("damage is 400 or goes unnoticed where the format can't tell, and never a trap", arguments: 0..<200)
    func damage(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let (coding, wrapping) = Self.forms[seed % 3]
        var data = try Self.compressed(Self.sample(400), wrapping)
        for _ in 0...(seed % 4) {
            data[Int.random(in: data.indices, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
        }
        do {
            _ = try Self.inflate([data[...]], coding)
        } catch {
            guard case .malformedCoding = error else {
                Issue.record("seed \(seed): \(error)")
                return
            }
            #expect(HTTPProblem(error).status == .badRequest)
        }
    }

    @Test(
        "what is no such data is refused",
        arguments: [
            (ContentCoding.gzip, Array("{\"features\": []}".utf8)), (.gzip, [0x1F, 0x8B, 9, 0, 0, 0, 0, 0, 0, 0]),
            (.deflate, [0xFF, 0xFF, 0xFF]), (.deflate, [0x78, 0xBB, 1, 2, 3, 4, 5]),
        ])
    func nonsense(coding: ContentCoding, bytes: [UInt8]) {
        let error = #expect(throws: BodyError.self) { try Self.inflate([bytes[...]], coding) }
        guard case .malformedCoding = error else {
            Issue.record("\(error as Any)")
            return
        }
    }

    @Test("a body may have exactly the limit, and not one byte more", arguments: [1, 1_000, 65_536, 65_537, 200_000])
    func limit(size: Int) throws {
        let data = try Self.compressed(Self.sample(size))
        #expect(try Self.inflate([data[...]], .gzip, .init(maxBytes: size)).bytes.count == size)
        let error = #expect(throws: BodyError.self) { try Self.inflate([data[...]], .gzip, .init(maxBytes: size - 1)) }
        #expect(error == .tooLarge(limit: size - 1))
    }

    @Test("a bomb stops at the limit or at the ratio, whichever is first", arguments: [100_000, 4 << 20, 1 << 30])
    func bombs(limit: Int) throws {
        let bomb = try Self.compressed([UInt8](repeating: 0, count: 64 << 20))
        #expect(bomb.count < 70_000)
        var inflation = BodyInflation(.gzip, limits: .init(maxBytes: limit))
        var inflated = 0
        let error = #expect(throws: BodyError.self) {
            for start in stride(from: 0, to: bomb.count, by: 100) {
                inflation.feed(Array(bomb[start..<min(start + 100, bomb.count)]))
                while let piece = try inflation.next() { inflated += piece.count }
            }
        }
        #expect(error.map { HTTPProblem($0).status } == .contentTooLarge)
        #expect(error == (limit < 1 << 20 ? .tooLarge(limit: limit) : .tooCompressed(times: 200)))
        #expect(inflated <= min(limit, 1 << 20))
    }

    @Test("a body that is dense at first does not earn a bomb at its end more than the ratio")
    func lateBomb() throws {
        let body = Self.sample(100_000) + [UInt8](repeating: 0, count: 64 << 20)
        let data = try Self.compressed(body)
        let error = #expect(throws: BodyError.self) { try Self.inflate([data[...]], .gzip) }
        #expect(error == .tooCompressed(times: 200))
    }

    @Test("a handler reads the inflated body, whose length is not known beforehand")
    func middleware() async throws {
        let body = Self.sample(300_000)
        let route = Route(pattern: "/", bodyLimit: 300_000, handler: .deferred { _ in Response(status: .ok) })
        let head = RequestHead(
            method: .post, path: "/", fields: HeaderFields([(name: .contentEncoding, value: "gzip")]))
        let request = Request(head: head, body: RequestBody(try Self.compressed(body)))
        let answer = try await RequestInflation().answer(request, on: route) { request in
            #expect(request.body.declaredLength == nil)
            let read = try await request.body.collect(upTo: 300_000)
            #expect(read == body)
            return Response(status: .accepted)
        }
        #expect(answer.status == .accepted)
    }
}
