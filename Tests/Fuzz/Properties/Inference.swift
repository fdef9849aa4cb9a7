import Formats
import JSON

/// Small, so that the fuzzer gets to them.
private let limits = ArrayLimits(maxElements: 4096)

private let signature = InferenceSignature(
    inputs: [.init("features", [.float32, .float16]), .init("lengths", [.int64, .int32])], outputs: ["coarse", "fine"])

/// What comes of a request.
private enum InferenceOutcome: Equatable {
    case request(InferenceRequest)
    case refused(ArrayDecodingError)
}

/// A request of the Open Inference Protocol: the first two bytes say how long its JSON is, or nothing where they are zero.
func checkInference(_ input: UnsafeRawBufferPointer) {
    guard input.count >= 2 else { return }
    let length = Int(input[0]) << 8 | Int(input[1])
    let body = UnsafeRawBufferPointer(rebasing: input[2...])
    let headerBytes = length == 0 ? nil : length
    let outcome = checkPieces(body) { body, pieces -> InferenceOutcome in
        var decoder = InferenceDecoder(signature, headerBytes: headerBytes, limits: limits)
        do throws(ArrayDecodingError) {
            for piece in pieces {
                let result = withExactCopy(of: body, piece) { bytes in
                    Result { () throws(ArrayDecodingError) in try decoder.feed(bytes) }
                }
                try result.get()
                require(decoder.heldBytes <= body.count * 4 + 8, "memory follows what has come")
            }
            return .request(masked(try decoder.finish()))
        } catch {
            require(!error.description.contains("\n"), "an error is one line")
            return .refused(error)
        }
    }
    guard case .request(let request) = outcome else { return }
    require(!request.inputs.isEmpty, "there is an input")
    for tensor in request.inputs {
        let shape = tensor.array.shape
        require(
            (shape.contains(0) ? 0 : shape.reduce(1, *)) == tensor.array.values.count,
            "a tensor has what its shape says")
    }
    require(request.inputs.reduce(0) { $0 + $1.array.values.count } <= limits.maxElements, "the limit holds")
    guard headerBytes == nil else { return }
    // What is taken is JSON to the strict reader too, and holds the same numbers.
    let root = try? JSONReader.parse(body)
    require(root != nil, "what is taken is JSON")
    for (input, tensor) in zip(root?["inputs"]?.array ?? [], request.inputs) where tensor.array.elementType != .float16
    {
        require(numbers(input["data"]) == tensor.array.values.map(\.bitPattern), "the numbers are those of the text")
    }
}

/// NaNs are as many as there are payloads, and none is equal to itself.
private func masked(_ request: InferenceRequest) -> InferenceRequest {
    var request = request
    for index in request.inputs.indices {
        request.inputs[index].array.values = request.inputs[index].array.values.map { $0.isNaN ? 0 : $0 }
    }
    return request
}

private func numbers(_ value: JSONValue?) -> [UInt32] {
    switch value {
    case .number(let text): [(Float(text) ?? .infinity).bitPattern]
    case .array(let elements): elements.flatMap { numbers($0) }
    default: []
    }
}
