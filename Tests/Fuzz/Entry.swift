import Platform

/// What libFuzzer runs; one program holds all properties, and the environment's `VIGIL_FUZZ_TARGET` names the one.
enum FuzzTarget: String, CaseIterable {
    case request, chunked, multipart, fields
    case npy, safetensors, json
    case table, mat
    case zip, pickle, gzip
    case callback, answer
    case inference
    case frames

    var property: (UnsafeRawBufferPointer) -> Void {
        switch self {
        case .request: checkRequests
        case .chunked: checkChunkedBody
        case .multipart: checkForm
        case .fields: checkFields
        case .npy: checkNPY
        case .safetensors: checkSafetensors
        case .json: checkJSON
        case .table: checkTable
        case .mat: checkMat
        case .zip: checkZip
        case .pickle: checkPickle
        case .gzip: checkGzip
        case .callback: checkCallback
        case .answer: checkAnswer
        case .inference: checkInference
        case .frames: checkFrames
        }
    }

    /// The chosen one; without a known name the program ends and lists them.
    static let chosen: FuzzTarget = {
        let name = getenv("VIGIL_FUZZ_TARGET").map { String(cString: $0) } ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            print("VIGIL_FUZZ_TARGET is '\(name)': expected one of", allCases.map(\.rawValue).joined(separator: " "))
            exit(64)
        }
        return target
    }()
}

/// Called by libFuzzer for each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
    FuzzTarget.chosen.property(UnsafeRawBufferPointer(start: start, count: count))
    return 0
}
