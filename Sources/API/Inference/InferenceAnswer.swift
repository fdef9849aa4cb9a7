import Formats
import HTTP
import JSON
import Jobs
import Scoring

/// A tensor that can be asked for.
enum InferenceOutputName: String, CaseIterable {
    case coarse, fine
    case coarseLogits = "coarse_logits"
    case fineLogits = "fine_logits"
    case labels, segments, video

    /// What is given where nothing is asked for.
    static let usual = [InferenceOutputName.coarse, .fine]

    /// Its type of elements.
    var datatype: String {
        switch self {
        case .coarse, .fine, .coarseLogits, .fineLogits: ElementType.float32.inferenceName
        case .labels, .segments, .video: "BYTES"
        }
    }

    /// Whether it has a number for each class of each snippet.
    var isOfClasses: Bool { self == .fine || self == .fineLogits }
}

/// What came of an inference request, as the Open Inference Protocol writes it: JSON, and behind it the tensors that are wanted
/// as bytes.
struct InferenceAnswer {
    let request: InferenceRequest
    /// [T] or [B, T].
    let axes: [Int]
    let model: (name: String, version: String)
    /// One, or those of the batch.
    let results: [ScoreDocument]
    /// What is to be said of each one's features.
    let warnings: [[String]]

    /// The answer's body, and how long its JSON is where something follows that.
    struct Body {
        var bytes: [UInt8]
        var headerBytes: Int?
    }

    /// The tensors that are wanted, in order, and whether as bytes.
    private var wanted: [(name: InferenceOutputName, isBinary: Bool)] {
        guard !request.outputs.isEmpty else { return InferenceOutputName.usual.map { ($0, request.wantsBinary) } }
        return request.outputs.compactMap { output in
            InferenceOutputName(rawValue: output.name).map { ($0, output.isBinary ?? request.wantsBinary) }
        }
    }

    var body: Body {
        var tail: [UInt8] = []
        var json = JSONWriter(reserving: 1_024)
        json.object { json in
            json.member("model_name", model.name)
            json.member("model_version", model.version)
            if let id = request.id { json.member("id", id) }
            json.key("parameters")
            writeParameters(to: &json)
            json.key("outputs")
            json.array(wanted) { json, wanted in
                write(wanted.name, to: &json, tail: &tail, isBinary: wanted.isBinary)
            }
        }
        guard wanted.contains(where: \.isBinary) else { return Body(bytes: json.bytes) }
        let count = json.bytes.count
        return Body(bytes: json.bytes + tail, headerBytes: count)
    }

    private func writeParameters(to json: inout JSONWriter) {
        guard let first = results.first?.result else { return json.object { _ in } }
        let isBatch = axes.count > 1
        json.object { json in
            if !first.trained { json.member("untrained", true) }
            if let caveat = first.caveat { json.member("caveat", caveat) }
            json.member("features_sha256", results.map(\.result.featuresSHA256).joined(separator: ","))
            json.member("kernels", first.kernels)
            json.member("compute", first.compute.rawValue)
            let notes = warnings.enumerated().flatMap { video, notes in
                notes.map { isBatch ? "features[\(video)]: \($0)" : $0 }
            }
            if !notes.isEmpty { json.member("warnings", notes.joined(separator: "; ")) }
        }
    }

    private func write(
        _ name: InferenceOutputName, to json: inout JSONWriter, tail: inout [UInt8], isBinary: Bool
    ) {
        json.object { json in
            json.member("name", name.rawValue)
            json.key("shape")
            json.array(shape(of: name)) { $0.number($1) }
            json.member("datatype", name.datatype)
            let before = tail.count
            switch name {
            case .coarse, .fine, .coarseLogits, .fineLogits:
                let values = numbers(of: name)
                guard isBinary else {
                    json.key("data")
                    return json.array(values[...])
                }
                tail.append(littleEndian: values)
            case .labels, .segments, .video:
                let texts = texts(of: name)
                guard isBinary else {
                    json.key("data")
                    return json.array(texts) { $0.string(String(decoding: $1, as: UTF8.self)) }
                }
                for text in texts {
                    tail.append(contentsOf: (0..<4).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) })
                    tail += text
                }
            }
            json.key("parameters")
            json.object { $0.member("binary_data_size", tail.count - before) }
        }
    }

    private var labels: [String] { results.first?.result.labels ?? [] }

    private func shape(of name: InferenceOutputName) -> [Int] {
        switch name {
        case .coarse, .coarseLogits: axes
        case .fine, .fineLogits: axes + [labels.count]
        case .labels: [labels.count]
        case .segments, .video: [results.count]
        }
    }

    private func texts(of name: InferenceOutputName) -> [[UInt8]] {
        switch name {
        case .labels: labels.map { Array($0.utf8) }
        case .segments: results.map(\.segmentsJSON)
        default: results.map(\.videoJSON)
        }
    }

    /// The numbers of all videos; behind the end of one that is shorter than the others stand zeros.
    private func numbers(of name: InferenceOutputName) -> [Float] {
        let own = results.map { document in
            switch name {
            case .coarse: document.scored.scores.coarse
            case .fine: document.scored.scores.fine
            case .coarseLogits: document.result.logits.coarse
            default: document.result.logits.fine
            }
        }
        let room = (axes.last ?? 0) * (name.isOfClasses ? labels.count : 1)
        if own.count == 1, let only = own.first, only.count == room { return only }
        var values: [Float] = []
        values.reserveCapacity(own.count * room)
        for one in own {
            values += one
            values += repeatElement(0, count: max(0, room - one.count))
        }
        return values
    }
}

extension InferenceAnswer {
    /// About how many bytes an answer takes while it is made and sent, of so many snippets and classes.
    static func estimate(_ request: InferenceRequest, axes: [Int], classes: Int) -> Int {
        let snippets = axes.reduce(1, *)
        let outputs = max(request.outputs.count, InferenceOutputName.usual.count)
        return 4_096 + 12 * snippets * (1 + classes) * outputs
    }
}

extension [UInt8] {
    /// Adds numbers as they stand in memory, the low byte first.
    fileprivate mutating func append(littleEndian values: [Float]) {
        #if _endian(little)
            values.withUnsafeBytes { append(contentsOf: $0) }
        #else
            values.map(\.bitPattern.littleEndian).withUnsafeBytes { append(contentsOf: $0) }
        #endif
    }
}
