import JSON

@testable import Formats

/// Small, so that the fuzzer gets to them.
private let limits = ArrayLimits(maxElements: 4096, maxNPYHeaderBytes: 1024, maxSafetensorsHeaderBytes: 2048)

/// What comes of an upload.
enum ArrayOutcome: Equatable {
    case array(shape: [Int], ElementType, ArrayOrder, bits: [UInt32])
    case refused(ArrayDecodingError)

    init(_ array: DecodedArray) {
        self = .array(
            shape: array.shape, array.elementType, array.order,
            bits: array.values.map { $0.isNaN ? 0x7FC0_0000 : $0.bitPattern })
    }
}

/// Decodes in pieces and at once, and checks what holds for every format.
private func decoded(_ input: UnsafeRawBufferPointer, _ decoder: some ArrayDecoder) -> ArrayOutcome {
    let outcome = checkPieces(input) { input, pieces in
        var decoder = decoder
        do throws(ArrayDecodingError) {
            for piece in pieces {
                let result = withExactCopy(of: input, piece) { bytes in
                    Result { () throws(ArrayDecodingError) in try decoder.feed(bytes) }
                }
                try result.get()
                require(decoder.heldBytes <= limits.maxElements * 8, "the limit holds while the body comes")
                require(decoder.heldBytes <= input.count * 8, "memory follows what has come")
            }
            return ArrayOutcome(try decoder.finish())
        } catch {
            require(!error.description.contains("\n"), "an error is one line")
            return .refused(error)
        }
    }
    if case .array(let shape, _, _, let bits) = outcome {
        require(shape.checkedProduct() == bits.count, "there are as many numbers as the shape \(shape) says")
        require(bits.count <= limits.maxElements && shape.count <= ArrayLimits.maxRank, "the limits hold")
    }
    return outcome
}

/// What the first bytes tell, more bytes do not take back.
private func checkKind(_ input: UnsafeRawBufferPointer) {
    withExactCopy(of: input, 0..<input.count) { bytes in
        let marked = FileKind.marked(bytes)
        require(marked == .unknown || FileKind.detect(bytes) == marked, "a mark holds")
    }
}

/// An .npy body; what is taken is written, and decodes to the same again.
func checkNPY(_ input: UnsafeRawBufferPointer) {
    checkKind(input)
    let outcome = decoded(input, NPYDecoder(limits: limits))
    let outline = NPYOutline(front: Array(input))
    guard case .array(let shape, let type, let order, let bits) = outcome else { return }
    require(outline?.shape == shape, "the outline of what is taken has its shape")
    let tail = input.suffix(bits.count * type.byteSize)
    require(tail.count == bits.count * type.byteSize, "the numbers are in the body")
    let values = bits.map { Float(bitPattern: $0) }
    let written = NPYWriter.encode(values, shape: shape)
    let again = written.withUnsafeBytes { decoded($0, NPYDecoder(limits: limits)) }
    require(again == .array(shape: shape, .float32, .rowMajor, bits: bits), "what is written reads back")
    require(order == .rowMajor || shape.count != 1 || Set(bits).count <= bits.count, "an axis has one order")
}

/// A safetensors body: the reader of uploads and that of files agree.
func checkSafetensors(_ input: UnsafeRawBufferPointer) {
    checkKind(input)
    let outcome = decoded(input, SafetensorsDecoder(limits: limits))
    checkMatrices(input, features: outcome)
    withFile(input) { file in
        var fileLimits = SafetensorsLimits()
        fileLimits.maxHeaderBytes = limits.maxSafetensorsHeaderBytes
        guard let whole = try? SafetensorsFile(file: file, limits: fileLimits) else {
            if case .array = outcome { require(false, "what an upload may be, a file may be") }
            return
        }
        var end = 8
        for tensor in whole.tensors {
            require(tensor.shape.checkedProduct() == tensor.elementCount, "a tensor has what its shape says")
            require(tensor.byteRange.lowerBound >= end && tensor.byteRange.upperBound <= input.count, "none overlap")
            end = tensor.byteRange.upperBound
            let floats = (try? whole.floats(tensor.name)) ?? []
            require(floats.count == tensor.elementCount, "\(tensor.name) is read")
        }
        guard let tensor = whole["features"], tensor.elementType.isFloatingPoint,
            tensor.shape.count <= ArrayLimits.maxRank, tensor.elementCount <= limits.maxElements
        else {
            if case .array = outcome { require(false, "an upload has the tensor features") }
            return
        }
        let values = (try? whole.floats("features")) ?? []
        let expected = DecodedArray(shape: tensor.shape, elementType: tensor.elementType, values: values)
        require(outcome == ArrayOutcome(expected), "an upload holds what a file holds")
    }
}

/// The matrices of a safetensors body: the same in pieces, within the limits together; `features` alone where it is one.
private func checkMatrices(_ input: UnsafeRawBufferPointer, features: ArrayOutcome) {
    let outcome = checkPieces(input) { input, pieces -> [String: ArrayOutcome] in
        var decoder = SafetensorsDecoder(matricesWithin: limits)
        do throws(ArrayDecodingError) {
            for piece in pieces {
                let result = withExactCopy(of: input, piece) { bytes in
                    Result { () throws(ArrayDecodingError) in try decoder.feed(bytes) }
                }
                try result.get()
                require(
                    decoder.heldBytes <= min(limits.maxElements * 4, input.count * 2), "memory follows what has come")
            }
            let matrices = try decoder.finishAll()
            let count = matrices.reduce(0) { $0 + $1.array.values.count }
            require(!matrices.isEmpty && count <= limits.maxElements, "there is one, and the limit holds for all")
            for array in matrices.map(\.array) {
                require(array.shape.checkedProduct() == array.values.count, "a matrix has what its shape says")
            }
            return Dictionary(matrices.map { ($0.name, ArrayOutcome($0.array)) }) { first, _ in first }
        } catch {
            return ["": .refused(error)]
        }
    }
    if case .array = features { require(outcome == ["features": features], "features is the only matrix") }
}

/// A JSON upload: its decoder takes nothing that the strict reader refuses, and finds the same numbers.
func checkJSON(_ input: UnsafeRawBufferPointer) {
    checkKind(input)
    let outcome = decoded(input, FeatureJSONDecoder(limits: limits))
    let value = Result { () throws(JSONError) in try JSONReader.parse(input) }
    switch value {
    case .failure(let error):
        require((0...input.count).contains(error.position), "a fault is inside of the text")
        // The decoder does not keep the other members, so it can't know of a name that is there twice.
        if case .array = outcome { require(error.reason.contains("twice"), "the reader refuses: \(error)") }
    case .success(let value):
        checkReadsBack(value)
        if case .array(_, _, _, let bits) = outcome {
            require(numbers(value["features"]) == bits, "the numbers are those of the text")
        }
    }
}

/// A table of numbers in text.
func checkTable(_ input: UnsafeRawBufferPointer) {
    if case .array(let shape, _, _, _) = decoded(input, TableDecoder(limits: limits)) {
        require(shape.count == 2 && shape[0] > 0 && shape[1] > 0, "a table has rows")
    }
}

/// A MATLAB file.
func checkMat(_ input: UnsafeRawBufferPointer) {
    withExactCopy(of: input, 0..<input.count) { bytes in
        do throws(ArrayDecodingError) {
            let array = try MatFile.array(bytes, limits: limits)
            require(array.shape.checkedProduct() == array.values.count, "there are as many numbers as the shape says")
            require(
                array.values.count <= limits.maxElements && array.shape.count <= ArrayLimits.maxRank, "the limits hold")
        } catch {
            require(!error.description.contains("\n"), "an error is one line")
        }
    }
}

private func numbers(_ value: JSONValue?) -> [UInt32] {
    switch value {
    case .number(let text): [(Float(text) ?? .infinity).bitPattern]
    case .array(let elements): elements.flatMap { numbers($0) }
    default: []
    }
}

private func checkReadsBack(_ value: JSONValue) {
    var writer = JSONWriter()
    write(value, &writer)
    let again = try? JSONReader.parse(writer.bytes)
    require(again == value, "\(value) reads back, not as \(String(describing: again))")
}

private func write(_ value: JSONValue, _ writer: inout JSONWriter) {
    switch value {
    case .null: writer.null()
    case .bool(let bool): writer.raw(Array((bool ? "true" : "false").utf8))
    case .number(let text): writer.raw(Array(text.utf8))
    case .string(let text): writer.string(text)
    case .array(let elements): writer.array(elements) { write($1, &$0) }
    case .object(let members):
        writer.object { writer in
            for member in members {
                writer.key(member.name)
                write(member.value, &writer)
            }
        }
    }
}
