import JSON
import Platform

/// What a server says of a job. Nothing of it is believed but what it looks like: an id is one, a status is one of five.
struct JobReply {
    enum Status: String, CaseIterable { case queued, running, succeeded, failed, cancelled }

    let id: String
    let status: Status
    let name: String?
    let model: String?
    let createdAt: String?
    let isReused: Bool
    let queuePosition: Int?
    let estimatedSeconds: Double?
    let chunksDone: Int
    let chunks: Int?
    let warnings: [String]
    let error: (title: String?, detail: String?)?
    /// The result as it was written, of a document that was read with it.
    var result: ArraySlice<UInt8>?

    var isEnded: Bool { status != .queued && status != .running }

    /// Reads a document; its result is left as it is.
    init(_ document: [UInt8]) throws(ReplyError) {
        let members = try JSONMembers.split(document)
        var small: [JSONValue.Member] = []
        var result: ArraySlice<UInt8>?
        for (name, range) in members {
            if name.hasBytes(of: "result") {
                result = document[range].elementsEqual("null".utf8) ? nil : document[range]
                continue
            }
            guard range.count <= 1 << 20 else { throw ReplyError("its member \(quoted(name)) is too large") }
            do throws(JSONError) {
                small.append(.init(name: name, value: try JSONReader.parse(Array(document[range]))))
            } catch { throw ReplyError("\(error)") }
        }
        try self.init(.object(small))
        self.result = result
    }

    /// Reads a document that has to be of this job.
    init(_ document: [UInt8], of id: String) throws(ReplyError) {
        try self.init(document)
        guard self.id.hasBytes(of: id) else { throw ReplyError("it is of another job") }
    }

    /// A job of a list.
    init(_ value: JSONValue) throws(ReplyError) {
        guard let id = value["id"]?.string, Self.isID(id) else { throw ReplyError("there is no id of a job") }
        guard let status = value["status"]?.string,
            let status = Status.allCases.first(where: { $0.rawValue.hasBytes(of: status) })
        else {
            throw ReplyError("there is no status of a job")
        }
        (self.id, self.status) = (id, status)
        name = value["name"]?.string
        model = value["model"]?.string
        createdAt = value["created_at"]?.string
        isReused = value["reused"] == .bool(true)
        queuePosition = value["queue_position"]?.integer
        estimatedSeconds = value["estimated_seconds"]?.double
        chunksDone = max(0, value["progress"]?["chunks_done"]?.integer ?? 0)
        chunks = value["progress"]?["chunks"]?.integer.flatMap { $0 > 0 ? $0 : nil }
        warnings = (value["warnings"]?.array ?? []).prefix(100).compactMap(\.string)
        let failure = value["error"]
        error = failure == nil || failure == .null ? nil : (failure?["title"]?.string, failure?["detail"]?.string)
    }

    /// Why it has no result, in words.
    var reason: String { error.flatMap { $0.detail ?? $0.title } ?? "the job is \(status.rawValue)" }

    /// Whether a text is an id: 26 digits of base 32. So it can stand in a path.
    static func isID(_ text: String) -> Bool {
        text.utf8.count == 26 && text.utf8.allSatisfy { ASCII.isDigit($0) || (0x41...0x5A).contains($0) }
    }
}

/// What a server says of a batch.
struct BatchReply {
    let id: String
    let jobs: [JobReply]

    var isEnded: Bool { jobs.allSatisfy(\.isEnded) }

    /// Reads a document.
    ///
    /// - Parameter asked: the batch that it has to be of; nil for any
    init(_ document: [UInt8], of asked: String? = nil) throws(ReplyError) {
        let value: JSONValue
        do throws(JSONError) { value = try JSONReader.parse(document) } catch { throw ReplyError("\(error)") }
        guard let id = value["id"]?.string, JobReply.isID(id), let jobs = value["jobs"]?.array, !jobs.isEmpty else {
            throw ReplyError("there is no batch in it")
        }
        guard asked.map({ id.hasBytes(of: $0) }) ?? true else { throw ReplyError("it is of another batch") }
        var read: [JobReply] = []
        for job in jobs { read.append(try JobReply(job)) }
        (self.id, self.jobs) = (id, read)
    }
}

/// Why an answer is not what it should be.
struct ReplyError: Error, CustomStringConvertible {
    let description: String

    init(_ reason: String) { description = "the answer is not what Vigil answers: \(reason)" }
}

/// The members of a JSON object, each value as it was written: what is large need not be read.
enum JSONMembers {
    private static let most = 1_000

    /// Names and where their values are. Of a value no more is looked at than where it ends.
    static func split(_ bytes: [UInt8]) throws(ReplyError) -> [(name: String, value: Range<Int>)] {
        var scan = Scan(bytes: bytes)
        return try scan.members()
    }

    private struct Scan {
        let bytes: [UInt8]
        var at = 0

        mutating func members() throws(ReplyError) -> [(name: String, value: Range<Int>)] {
            var members: [(name: String, value: Range<Int>)] = []
            try take("{")
            if next() == UInt8(ascii: "}") { return [] }
            repeat {
                let name = try text()
                try take(":")
                guard members.count < JSONMembers.most, !members.contains(where: { $0.name.hasBytes(of: name) }) else {
                    throw ReplyError("the members of its object are too many, or one is there twice")
                }
                members.append((name, try value()))
            } while takes(",")
            try take("}")
            guard next() == nil else { throw ReplyError("something follows the object") }
            return members
        }

        private mutating func next() -> UInt8? {
            while at < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[at]) { at += 1 }
            return at < bytes.count ? bytes[at] : nil
        }

        private mutating func takes(_ sign: Unicode.Scalar) -> Bool {
            guard next() == UInt8(ascii: sign) else { return false }
            at += 1
            return true
        }

        private mutating func take(_ sign: Unicode.Scalar) throws(ReplyError) {
            guard takes(sign) else { throw ReplyError("it is no JSON object") }
        }

        private mutating func text() throws(ReplyError) -> String {
            guard next() == UInt8(ascii: "\"") else { throw ReplyError("it is no JSON object") }
            let start = at
            try skipText()
            let value: JSONValue
            do throws(JSONError) { value = try JSONReader.parse(Array(bytes[start..<at])) } catch {
                throw ReplyError("\(error)")
            }
            return value.string ?? ""
        }

        private mutating func skipText() throws(ReplyError) {
            at += 1
            while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
                at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
            }
            guard at < bytes.count else { throw ReplyError("it ends within a text") }
            at += 1
        }

        private mutating func value() throws(ReplyError) -> Range<Int> {
            guard next() != nil else { throw ReplyError("it ends where a value should be") }
            let start = at
            var depth = 0
            while at < bytes.count {
                switch bytes[at] {
                case UInt8(ascii: "\""):
                    try skipText()
                    continue
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    if depth == 0 { return trimmed(start) }
                    depth -= 1
                case UInt8(ascii: ",") where depth == 0: return trimmed(start)
                default: break
                }
                at += 1
            }
            throw ReplyError("it ends within a value")
        }

        private func trimmed(_ start: Int) -> Range<Int> {
            var end = at
            while end > start, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[end - 1]) { end -= 1 }
            return start..<end
        }
    }
}
