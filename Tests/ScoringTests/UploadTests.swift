import API
import Formats
import Testing

@testable import Scoring

@Suite("Uploads")
struct UploadTests {
    private static let values: [Float] = [1, -2, 3.5, 0.25, 5, 6, 7, 8]
    private static let npy = NPYWriter.encode(values, rows: 2, columns: 4)
    private static let raw = values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
    }
    private static let json = Array(#"{"features": [[1, -2, 3.5, 0.25], [5, 6, 7, 8]]}"#.utf8)
    private static let safetensors: [UInt8] = {
        let header = #"{"features":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]}}"#
        return withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8) + raw
    }()

    private static let bodies: [(String, UploadFormat, [UInt8])] = [
        ("npy", .npy, npy), ("npy as bytes", .bytes, npy), ("npy without a type", .unlabelled, npy),
        ("rows", .bytes, raw),
        ("json", .json, json), ("safetensors", .safetensors, safetensors),
        ("safetensors as bytes", .bytes, safetensors),
    ]

    @Test("every format gives the same array however the body is cut", arguments: bodies.indices)
    func pieces(index: Int) throws {
        let (name, format, body) = Self.bodies[index]
        for size in [1, 2, 7, 31, 32, 33, body.count] {
            var decoder = UploadDecoder(format: format, width: 4, limits: ArrayLimits())
            for start in stride(from: 0, to: body.count, by: size) {
                try decoder.feed(Array(body[start..<min(start + size, body.count)]))
            }
            let array = try #require(try decoder.finish().onlyArray)
            #expect(array.shape == [2, 4], "\(name), pieces of \(size)")
            #expect(array.values == Self.values, "\(name), pieces of \(size)")
            #expect(array.digest == "9561771eec3354c5f134ed66096deafe3a7dcead8a656dae2335e4b84a325844")
        }
    }

    @Test("a form's file is decoded by its name, its other fields are options", arguments: 1...40)
    func form(size: Int) async throws {
        let text =
            "--X\r\nContent-Disposition: form-data; name=\"fps\"\r\n\r\n25\r\n--X\r\n"
            + "Content-Disposition: form-data; name=\"threshold\"\r\n\r\n\r\n--X\r\n"
            + "Content-Disposition: form-data; name=\"features\"; filename=\"a.json\"\r\n"
            + "Content-Type: application/octet-stream\r\n\r\n"
        let body = Array(text.utf8) + Self.json + Array("\r\n--X--\r\n".utf8)
        var parser = try MultipartForm(boundary: "X", maxFiles: 1)
        var form = FormReader(width: 4, limits: ArrayLimits(), maxFieldBytes: 100)
        for start in stride(from: 0, to: body.count, by: size) {
            for event in try parser.consume(Array(body[start..<min(start + size, body.count)])) {
                try await form.take(event, nil)
            }
        }
        try parser.finish()
        let upload = try form.finish()
        #expect(upload.matrices.map(\.array.values) == [Self.values])
        #expect(upload.parameters == [Parameter("fps", .text("25"))])
    }

    @Test(
        "what is no feature file is named",
        arguments: [
            ("PK\u{3}\u{4}" + String(repeating: "x", count: 60), "zip archive"),
            ("<!DOCTYPE html><html><body>404 Not Found, sorry</body></html>", "web page"),
            ("version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS pointer"),
            ("", "empty"), ("12345", "but a text"), ("hello", "but a text"), ("\u{1}2345", "whole number of rows"),
            ("{\"features\": [[1, 2, 3, 4]]}", "application/json"),
        ])
    func noFeatures(text: String, words: String) {
        var decoder = UploadDecoder(format: .bytes, width: 4, limits: ArrayLimits())
        let error = #expect(throws: ArrayDecodingError.self) {
            try decoder.feed(Array(text.utf8))
            _ = try decoder.finish()
        }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test(
        "every front of every known beginning is decided on without reading past it",
        arguments: [
            [0x50, 0x4B, 3, 4], [0x1F, 0x8B, 8, 0], [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0],
            Array("<!DOCTYPE html><html>".utf8), Array("version https://git-lfs.github.com".utf8),
            [16, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D], [0x80, 2, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46],
        ] as [[UInt8]])
    func fronts(magic: [UInt8]) {
        for count in 0...magic.count {
            for format in [UploadFormat.bytes, .unlabelled, .npy, .json, .safetensors] {
                var decoder = UploadDecoder(format: format, width: 7, limits: ArrayLimits())
                #expect(throws: ArrayDecodingError.self, "\(count) bytes as \(format)") {
                    try decoder.feed(Array(magic[..<count]))
                    _ = try decoder.finish()
                }
            }
        }
    }

    @Test("in an archive there is one matrix, and neither an archive nor a checkpoint")
    func entry() throws {
        var decoder = UploadDecoder(format: .recognised, width: 4, limits: ArrayLimits(), place: .entry)
        #expect(throws: UploadDecoder.checkpoint) {
            try decoder.feed([0x50, 0x4B, 3, 4] + [UInt8](repeating: 7, count: 60))
        }
        var tensors = UploadDecoder(format: .safetensors, width: 4, limits: ArrayLimits(), place: .entry)
        try tensors.feed(Self.safetensors)
        guard case .array(let array, let beside) = try tensors.finish() else {
            Issue.record("an entry has several matrices")
            return
        }
        #expect(array.values == Self.values && beside.names == [])
    }

    @Test("an endless body is refused before memory is reserved for it")
    func endless() {
        var decoder = UploadDecoder(format: .bytes, width: 4, limits: ArrayLimits(maxElements: 1_000))
        let error = #expect(throws: ArrayDecodingError.self) {
            try decoder.feed([UInt8](repeating: 1, count: 5_000))
        }
        #expect(error?.kind == .tooLarge)
    }
}
