import API
import Formats
import Foundation
import Jobs
import TestSupport

@testable import Scoring

/// Bodies of uploads, three numbers a row, and what comes of them.
enum UploadSamples {
    static let limits = ArrayLimits(maxElements: 1 << 20)

    /// What make_fixtures.py calls a ramp: element k is (k - 7) / 4.
    static func ramp(rows: Int) -> [Float] { (0..<rows * 3).map { (Float($0) - 7) / 4 } }

    static func npy(rows: Int) -> [UInt8] { NPYWriter.encode(ramp(rows: rows), rows: rows, columns: 3) }

    /// A file of FormatsTests, made by its make_fixtures.py.
    static func fixture(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: "\(Paths.root)/Tests/FormatsTests/Fixtures/\(name)")))
    }

    static let boundary = SampleForm.boundary

    static func part(_ field: String, file: String? = nil, type: String? = nil, _ content: [UInt8]) -> [UInt8] {
        SampleForm.part(field, file: file, type: type, content)
    }

    static func form(_ parts: [UInt8]...) -> [UInt8] { SampleForm.form(parts) }

    /// A form that ``form(_:)`` made.
    static let formBody = UploadBody.form { try MultipartForm(boundary: boundary, maxFiles: $0) }

    /// Reads a body as a request's is read.
    static func read(
        _ body: [UInt8], as kind: UploadBody = formBody, limits: ArrayLimits = limits, budget: Int = 64 << 20
    ) async throws -> Upload {
        let backlog = Backlog(store: MemoryJobStore(), limits: Backlog.Limits(maxBytes: budget))
        let reader = UploadReader(width: 3, limits: limits)
        let pieces = AsyncStream { continuation in
            continuation.yield(body)
            continuation.finish()
        }
        return try await reader.read(
            pieces, declaredLength: body.count, as: kind, reservation: backlog.reserve())
    }

    /// Reads a form in two pieces.
    static func readForm(_ body: [UInt8], cutAt cut: Int) async throws -> Upload {
        var form = FormReader(width: 3, limits: limits, maxFieldBytes: 100)
        var parser = try MultipartForm(boundary: boundary, maxFiles: limits.maxMatrices)
        for piece in [body[..<cut], body[cut...]] {
            for event in try parser.consume(Array(piece)) { try await form.take(event, nil) }
        }
        try parser.finish()
        return try form.finish()
    }

    /// Reads a body that is no form in two pieces.
    static func readContent(_ body: [UInt8], as format: UploadFormat, cutAt cut: Int) async throws -> Upload {
        var matrices = UploadMatrices(limits: limits)
        var decoder = UploadDecoder(format: format, width: 3, limits: limits)
        try decoder.feed(Array(body[..<cut]))
        try decoder.feed(Array(body[cut...]))
        try await matrices.add(try decoder.finish(), as: .body, notes: [], nil)
        return try matrices.upload()
    }

    /// The error that a body is refused with.
    static func problem(
        _ body: [UInt8], as kind: UploadBody = formBody, limits: ArrayLimits = limits, budget: Int = 64 << 20
    ) async -> ScoringError? {
        do {
            _ = try await read(body, as: kind, limits: limits, budget: budget)
            return nil
        } catch { return error as? ScoringError }
    }
}

extension FileContent {
    /// The only array that a file holds; nil where it holds several or an archive.
    var onlyArray: DecodedArray? {
        switch self {
        case .array(let array, _): array
        case .tensors(let tensors, _): tensors.count == 1 ? tensors[0].array : nil
        case .archive: nil
        }
    }
}

/// Sorts of faults of what came.
enum Fault {
    case unreadable, unfit, tooLarge
}

extension ScoringError {
    /// What sort of fault it is, where it is one of what came.
    var fault: Fault? {
        switch self {
        case .refused(.tooLarge), .refused(.tooMany): return .tooLarge
        case .content(let error):
            switch error.kind {
            case .tooLarge, .tooMany, .excessive: return .tooLarge
            case .malformed, .truncated: return .unreadable
            case .unfit, .missing, .unsupported: return .unfit
            }
        default: return nil
        }
    }
}

extension Upload {
    /// Everything that is in it, in words.
    var summary: String {
        let matrices = matrices.map { "\($0.name ?? "-") \($0.file ?? "-") \($0.array.shape) \($0.array.values)" }
        return "\(isBatch) \(matrices) \(parameters)"
    }

    var names: [String?] { matrices.map(\.name) }
}

/// A zip archive of stored entries.
struct SampleZip {
    private var front: [UInt8] = []
    private var directory: [UInt8] = []
    private var count: UInt16 = 0

    init(_ files: [(name: String, data: [UInt8])]) {
        for file in files { add(Array(file.name.utf8), file.data) }
    }

    /// - Parameters:
    ///   - size: what the directory claims; by default the truth
    ///   - flags: 1 is for an encrypted entry
    mutating func add(_ name: [UInt8], _ data: [UInt8], size: Int? = nil, method: UInt16 = 0, flags: UInt16 = 0) {
        var shared = Self.little(UInt16(20)) + Self.little(flags) + Self.little(method) + Self.little(UInt32(0))
        shared += Self.little(Self.checksum(data)) + Self.little(UInt32(data.count))
        shared += Self.little(UInt32(size ?? data.count)) + Self.little(UInt16(name.count)) + Self.little(UInt16(0))
        directory += [0x50, 0x4B, 1, 2, 20, 0] + shared + [UInt8](repeating: 0, count: 10)
        directory += Self.little(UInt32(front.count)) + name
        front += [0x50, 0x4B, 3, 4] + shared + name + data
        count += 1
    }

    var bytes: [UInt8] {
        let counts = Self.little(count) + Self.little(count)
        let place = Self.little(UInt32(directory.count)) + Self.little(UInt32(front.count))
        return front + directory + [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + counts + place + [0, 0]
    }

    private static func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// CRC-32, bit by bit.
    private static func checksum(_ data: [UInt8]) -> UInt32 {
        var sum = UInt32.max
        for byte in data {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        return ~sum
    }
}
