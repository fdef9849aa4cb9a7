public import Jobs
import Platform
import Scoring

/// A key of the API: whose jobs are its own, what it may do, and until when. Of the key itself there is its digest alone.
public struct APIKey: Sendable {
    /// What the bearer of a key may do.
    public enum Role: String, Sendable, CaseIterable {
        /// All there is, with the jobs of all.
        case admin
        /// Submit jobs, read them and delete them: those of its owner.
        case submitter
        /// Read jobs, and nothing else: those of its owner, or of all.
        case reader
    }

    /// Its name, which stays what it is when another secret takes the place of the first.
    public let name: String
    let digest: KeyDigest
    /// What its bearer may do.
    public var role = Role.submitter
    /// Whose its jobs are, where that is not its own name; `*` for those of all.
    public var owner: String?
    /// What it may hand in on a day.
    public var quota = DailyQuota()
    /// How many of its jobs may be queued at a time.
    public var maxQueued: Int?
    /// When it ceases to be good.
    public var expires: WallTime?
    /// When it was taken back.
    public var revoked: WallTime?
    /// What its requests are seen as.
    let caller: Caller

    /// Whether it may submit and delete.
    var mayChange: Bool { role != .reader }

    /// Whether it sees how the server is set up and how it does, which tells of all its clients: who sees all jobs, and
    /// readers of nobody's in particular, such as monitors.
    var seesServer: Bool { caller.seesAll || role == .reader && owner == nil }

    /// A key of this name and digest, with its attributes; says what is wrong with one.
    init(_ name: String, _ digest: KeyDigest, _ attributes: [Substring]) throws(APIKeyFault) {
        self.name = name
        self.digest = digest
        var values = APIKeyAttributes()
        for attribute in attributes { try values.read(attribute) }
        role = values.role
        owner = values.owner
        quota = values.quota
        maxQueued = values.maxQueued
        expires = values.expires
        revoked = values.revoked
        let isOfAll = values.owner == APIKeyAttributes.all
        if isOfAll, role != .reader {
            throw APIKeyFault("owner=* is for readers: what a key submits is of one owner")
        }
        if role == .reader, !quota.isUnbounded || maxQueued != nil {
            throw APIKeyFault("a reader submits nothing, so that it has no quota")
        }
        caller = Caller(
            client: "key \(name)", owner: isOfAll ? name : values.owner ?? name, seesAll: role == .admin || isOfAll,
            account: quota.isUnbounded ? nil : Account(name: name, quota: quota))
    }
}

/// What is wrong with a key's line, behind its place.
struct APIKeyFault: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// What stands behind a key's digest: `name=value`, between blanks.
struct APIKeyAttributes {
    static let all = "*"
    static let names = [
        "role", "owner", "jobs-per-day", "bytes-per-day", "snippets-per-day", "max-queued", "expires", "revoked",
    ]

    var role = APIKey.Role.submitter
    var owner: String?
    var quota = DailyQuota()
    var maxQueued: Int?
    var expires: WallTime?
    var revoked: WallTime?
    private var seen: Set<String> = []

    /// Reads one; throws where it is none, or was there before.
    mutating func read(_ attribute: Substring) throws(APIKeyFault) {
        guard let sign = attribute.utf8.firstIndex(of: UInt8(ascii: "=")) else {
            // It is not shown: it may be a key.
            throw APIKeyFault("behind the digest, expected name=value, such as role=admin, between blanks")
        }
        let (name, value) = (String(attribute[..<sign]), String(attribute[attribute.utf8.index(after: sign)...]))
        guard Self.names.contains(name) else {
            // What is no word may be a key, and is not shown.
            let isWord = name.utf8.count <= 24 && name.utf8.allSatisfy { $0 == UInt8(ascii: "-") || ASCII.isLetter($0) }
            let near = Spelling.nearest(to: name, among: Self.names).map { "did you mean \($0)? " } ?? ""
            throw APIKeyFault(
                "\(isWord ? "'\(name)' is no attribute of a key" : "something there is none"): \(near)expected "
                    + Self.names.joined(separator: ", "))
        }
        guard seen.insert(name).inserted else { throw APIKeyFault("\(name) is there twice") }
        switch name {
        case "role": role = try Self.role(value)
        case "owner": owner = try Self.owner(value)
        case "jobs-per-day": quota.jobs = try Self.count(name, value)
        case "bytes-per-day": quota.bytes = try Self.bytes(name, value)
        case "snippets-per-day": quota.units = try Self.count(name, value)
        case "max-queued": maxQueued = try Self.count(name, value)
        case "expires": expires = try Self.time(name, value)
        default: revoked = try Self.time(name, value)
        }
    }

    static func role(_ value: String) throws(APIKeyFault) -> APIKey.Role {
        if let role = APIKey.Role(rawValue: value) { return role }
        let known = APIKey.Role.allCases.map(\.rawValue)
        throw APIKeyFault("role: '\(value.prefix(40))' is none: expected \(known.joined(separator: ", "))")
    }

    static func owner(_ value: String) throws(APIKeyFault) -> String {
        guard value == all || APIKeys.isName(value) else {
            throw APIKeyFault("owner: expected a name as keys have them, or * for all")
        }
        return value
    }

    static func count(_ name: String, _ value: String) throws(APIKeyFault) -> Int {
        guard value.utf8.allSatisfy(ASCII.isDigit), let count = Int(value), count > 0 else {
            throw APIKeyFault("\(name): '\(value.prefix(40))' is none: expected a whole number from 1 on")
        }
        return count
    }

    static func bytes(_ name: String, _ value: String) throws(APIKeyFault) -> Int {
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)]
        let unit = units.first { value.ends(with: $0.0) }
        let digits = unit.map { String(Substring(value.utf8.dropLast($0.0.utf8.count))) } ?? value
        guard digits.utf8.allSatisfy(ASCII.isDigit), let count = Int(digits), count > 0,
            case let (bytes, overflow) = count.multipliedReportingOverflow(by: 1 << (unit?.1 ?? 0)), !overflow
        else {
            throw APIKeyFault(
                "\(name): '\(value.prefix(40))' is none: expected bytes, or a whole number with KiB, MiB, GiB or TiB")
        }
        return bytes
    }

    static func time(_ name: String, _ value: String) throws(APIKeyFault) -> WallTime {
        guard let time = WallTime(value) ?? WallTime(value + "T00:00:00Z") else {
            throw APIKeyFault(
                "\(name): '\(value.prefix(40))' is no time: expected one such as 2027-01-31 or 2027-01-31T12:00:00Z")
        }
        return time
    }
}
