import JSON
import Platform

/// The JSON of an inference request, read: what it asks for, and where its tensors' numbers are.
struct InferenceHead {
    /// Where the numbers of a tensor are.
    enum Place {
        /// In the JSON.
        case text(InferenceText.Numbers)
        /// So many bytes behind it, after those of the tensors before.
        case bytes(Int)
    }

    /// A tensor that the request names.
    struct Tensor {
        let name: String
        let type: ElementType
        let shape: [Int]
        let elementCount: Int
        fileprivate(set) var place: Place

        /// The tensor without its numbers.
        var described: Described { Described(name: name, type: type, shape: shape, elementCount: elementCount) }
    }

    /// What is said of a tensor.
    struct Described {
        let name: String
        let type: ElementType
        let shape: [Int]
        let elementCount: Int
    }

    /// The request without its tensors.
    private(set) var request = InferenceRequest()
    /// The tensors, each name once.
    private(set) var tensors: [Tensor] = []

    /// Numbers of the JSON that nobody has taken.
    var heldNumbers: Int {
        tensors.reduce(0) { total, tensor in
            if case .text(let numbers) = tensor.place { total + numbers.array.values.count } else { total }
        }
    }

    /// Takes a tensor's numbers out of what the JSON had; nil where they are behind it.
    mutating func takeNumbers(of index: Int) -> [Float]? {
        guard case .text(let numbers) = tensors[index].place else { return nil }
        tensors[index].place = .bytes(0)
        return numbers.array.values
    }

    /// Bytes behind the JSON.
    var binaryBytes: Int {
        tensors.reduce(0) { total, tensor in
            if case .bytes(let count) = tensor.place { total + count } else { total }
        }
    }

    /// Reads the JSON; throws what is no request, and one for what the server does not take or give.
    ///
    /// - Parameter mayBeBinary: whether the client has said how long the JSON is, so that bytes may follow
    init(
        _ text: consuming InferenceText, signature: InferenceSignature, limits: ArrayLimits, mayBeBinary: Bool
    ) throws(ArrayDecodingError) {
        let root: JSONValue
        do throws(JSONError) { root = try JSONReader.parse(text.text) } catch {
            // Its position is one of the text without the numbers.
            throw ArrayDecodingError(.malformed, "the request is not valid JSON: \(error.reason)")
        }
        guard case .object(let members) = root else {
            throw ArrayDecodingError(.malformed, "the request is no JSON object: expected {\"inputs\": […]}")
        }
        var numbers = text.numbers[...]
        for member in members {
            switch member.name {
            case "id": request.id = try Self.text(member.value, "'id'")
            case "parameters": try read(parameters: Self.parameters(member.value, "'parameters'"))
            case "outputs":
                for output in try Self.list(member.value, "'outputs'") { try add(output: output, signature) }
            case "inputs":
                for input in try Self.list(member.value, "'inputs'") {
                    let own = input["data"]?.array == nil ? nil : numbers.popFirst()
                    try add(input: input, own, signature, mayBeBinary: mayBeBinary)
                }
            // Some clients repeat what stands in the path.
            case "model_name", "model_version": break
            default:
                throw ArrayDecodingError(
                    .malformed,
                    "the request has a member \(quoted(member.name)): expected inputs, outputs, parameters and id")
            }
        }
        try checkSize(limits)
    }

    private func checkSize(_ limits: ArrayLimits) throws(ArrayDecodingError) {
        guard !tensors.isEmpty else { throw ArrayDecodingError(.missing, "the request has no inputs") }
        var left = limits.maxElements
        for tensor in tensors {
            guard tensor.elementCount <= left else {
                throw ArrayDecodingError(
                    .tooLarge,
                    "the inputs up to \(quoted(tensor.name)) have more than the limit of \(limits.maxElements) numbers")
            }
            left -= tensor.elementCount
        }
    }
}

extension InferenceHead {
    private mutating func read(parameters: [JSONValue.Member]) throws(ArrayDecodingError) {
        for parameter in parameters {
            guard parameter.name != "binary_data_output" else {
                request.wantsBinary = try Self.flag(parameter.value, "the parameter 'binary_data_output'")
                continue
            }
            request.parameters.append(parameter)
        }
    }

    private mutating func add(output: JSONValue, _ signature: InferenceSignature) throws(ArrayDecodingError) {
        let name = try Self.text(output["name"], "the name of an output")
        let what = "the output \(quoted(name))"
        guard signature.outputs.contains(where: { $0.hasBytes(of: name) }) else {
            throw ArrayDecodingError(
                .unfit, "there is no output \(quoted(name)): expected \(signature.outputs.joined(separator: ", "))")
        }
        guard !request.outputs.contains(where: { $0.name.hasBytes(of: name) }) else {
            throw ArrayDecodingError(.malformed, "\(what) is asked for twice")
        }
        let parameters = try output["parameters"].map { value throws(ArrayDecodingError) in
            try Self.parameters(value, "the parameters of \(what)")
        }
        try Self.checkPlain(parameters ?? [], what)
        let isBinary = try parameters?.first { $0.name == "binary_data" }.map { parameter throws(ArrayDecodingError) in
            try Self.flag(parameter.value, "'binary_data' of \(what)")
        }
        request.outputs.append(InferenceOutput(name: name, isBinary: isBinary))
    }

    private mutating func add(
        input: JSONValue, _ numbers: InferenceText.Numbers?, _ signature: InferenceSignature, mayBeBinary: Bool
    ) throws(ArrayDecodingError) {
        let name = try Self.text(input["name"], "the name of an input")
        let what = "the input \(quoted(name))"
        guard let known = signature.inputs.first(where: { $0.name.hasBytes(of: name) }) else {
            throw ArrayDecodingError(
                .unfit,
                "there is no input \(quoted(name)): expected \(signature.inputs.map(\.name).joined(separator: ", "))")
        }
        guard !tensors.contains(where: { $0.name.hasBytes(of: name) }) else {
            throw ArrayDecodingError(.malformed, "\(what) is there twice")
        }
        let type = try Self.type(input["datatype"], of: known, what)
        let (shape, count) = try Self.shape(input["shape"], type, what)
        let parameters = try input["parameters"].map { value throws(ArrayDecodingError) in
            try Self.parameters(value, "the parameters of \(what)")
        }
        try Self.checkPlain(parameters ?? [], what)
        let size = parameters?.first { $0.name == "binary_data_size" }?.value
        let place: Place
        if let size {
            guard input["data"] == nil else {
                throw ArrayDecodingError(.malformed, "\(what) has both 'data' and 'binary_data_size': expected one")
            }
            place = .bytes(try Self.bytes(size, shape, count, type, what, mayBeBinary: mayBeBinary))
        } else if let numbers {
            place = .text(try Self.checked(numbers, shape, count, type, what))
        } else {
            throw ArrayDecodingError(
                .malformed, "\(what) has no 'data', a list of numbers, and no 'binary_data_size' in its parameters")
        }
        tensors.append(Tensor(name: name, type: type, shape: shape, elementCount: count, place: place))
    }
}

extension InferenceHead {
    private static func type(
        _ value: JSONValue?, of known: InferenceSignature.Input, _ what: String
    ) throws(ArrayDecodingError) -> ElementType {
        let name = try text(value, "the datatype of \(what)")
        guard let type = known.types.first(where: { $0.inferenceName.hasBytes(of: name) }) else {
            let expected = known.types.map(\.inferenceName).joined(separator: " or ")
            throw ArrayDecodingError(.unsupported, "\(what) is of the datatype \(quoted(name)): expected \(expected)")
        }
        return type
    }

    /// A shape and how many elements it has, which as bytes can be counted.
    private static func shape(
        _ value: JSONValue?, _ type: ElementType, _ what: String
    ) throws(ArrayDecodingError) -> (shape: [Int], count: Int) {
        var shape: [Int] = []
        for length in try list(value, "the shape of \(what)") {
            guard let length = length.integer, length >= 0 else {
                throw ArrayDecodingError(.malformed, "the shape of \(what) has something else in it than whole numbers")
            }
            shape.append(length)
        }
        guard shape.count <= ArrayLimits.maxRank else {
            throw ArrayDecodingError(
                .unsupported, "\(what) has \(shape.count) axes; at most \(ArrayLimits.maxRank) are taken")
        }
        guard let count = shape.checkedProduct(), !count.multipliedReportingOverflow(by: type.byteSize).overflow else {
            throw ArrayDecodingError(.tooLarge, "\(what) has more elements than can be counted: its shape is \(shape)")
        }
        return (shape, count)
    }

    private static func bytes(
        _ value: JSONValue, _ shape: [Int], _ count: Int, _ type: ElementType, _ what: String, mayBeBinary: Bool
    ) throws(ArrayDecodingError) -> Int {
        guard mayBeBinary else {
            throw ArrayDecodingError(
                .malformed,
                "\(what) comes as bytes behind the JSON, whose length the field Inference-Header-Content-Length did not tell"
            )
        }
        guard let size = value.integer, size >= 0 else {
            throw ArrayDecodingError(.malformed, "'binary_data_size' of \(what) is no number of bytes")
        }
        guard size == count * type.byteSize else {
            throw ArrayDecodingError(
                .malformed,
                "\(what) has \(size) bytes, and its shape \(shape) of \(type.inferenceName) says \(count * type.byteSize)"
            )
        }
        return size
    }

    /// Numbers of the JSON, as many as the shape says: one list of them, or lists nested as it says.
    private static func checked(
        _ numbers: InferenceText.Numbers, _ shape: [Int], _ count: Int, _ type: ElementType, _ what: String
    ) throws(ArrayDecodingError) -> InferenceText.Numbers {
        let array = numbers.array
        guard array.values.count == count else {
            throw ArrayDecodingError(
                .malformed,
                "\(what) has \(counted(array.values.count, "number")), and its shape \(shape) says \(count)")
        }
        guard array.shape.count == 1 || array.shape == shape || count == 0 else {
            throw ArrayDecodingError(
                .malformed, "the lists of \(what) are nested as \(array.shape), and its shape is \(shape)")
        }
        guard type.isFloatingPoint || numbers.areWhole else {
            throw ArrayDecodingError(
                .malformed, "\(what) is \(type.inferenceName) and has something else in it than whole numbers")
        }
        return numbers
    }

    private static func checkPlain(_ parameters: [JSONValue.Member], _ what: String) throws(ArrayDecodingError) {
        if parameters.contains(where: { $0.name.begins(with: "shared_memory_") }) {
            throw ArrayDecodingError(.unsupported, "\(what) is to be in shared memory, which is not supported here")
        }
        if parameters.contains(where: { $0.name == "classification" }) {
            throw ArrayDecodingError(
                .unsupported, "\(what) is asked for as a classification, which is not supported here")
        }
    }

    private static func text(_ value: JSONValue?, _ what: String) throws(ArrayDecodingError) -> String {
        guard let text = value?.string else { throw ArrayDecodingError(.malformed, "\(what) is no text") }
        return text
    }

    private static func flag(_ value: JSONValue, _ what: String) throws(ArrayDecodingError) -> Bool {
        guard case .bool(let flag) = value else {
            throw ArrayDecodingError(.malformed, "\(what) is neither true nor false")
        }
        return flag
    }

    private static func list(_ value: JSONValue?, _ what: String) throws(ArrayDecodingError) -> [JSONValue] {
        guard let list = value?.array else { throw ArrayDecodingError(.malformed, "\(what) is no list") }
        return list
    }

    private static func parameters(_ value: JSONValue, _ what: String) throws(ArrayDecodingError) -> [JSONValue.Member]
    {
        guard case .object(let members) = value else {
            throw ArrayDecodingError(.malformed, "\(what) are no object")
        }
        return members
    }
}
