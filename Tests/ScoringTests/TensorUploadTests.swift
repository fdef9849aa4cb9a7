import Testing

@testable import Formats
@testable import Scoring

@Suite("Tensors of a request, taken apart")
struct TensorUploadTests {
    private func upload(
        _ shape: [Int], lengths: [Int]? = nil, held: ((Int) throws -> Void)? = nil
    ) throws -> TensorUpload {
        let count = shape.reduce(1, *)
        var request = InferenceRequest()
        request.inputs = [
            InferenceTensor(
                name: "features",
                array: DecodedArray(shape: shape, elementType: .float32, values: (0..<count).map { Float($0) }))
        ]
        if let lengths {
            let array = DecodedArray(shape: [lengths.count], elementType: .int64, values: lengths.map { Float($0) })
            request.inputs.append(InferenceTensor(name: "lengths", array: array))
        }
        return try TensorUpload(request, mostMatrices: 10) { try held?($0) }
    }

    @Test("one video is one matrix, with the axis of its rows")
    func one() throws {
        let one = try upload([3, 2])
        #expect(!one.upload.isBatch && one.axes == [3] && one.upload.matrices.map(\.array.shape) == [[3, 2]])
        let stacked = try upload([1, 3, 2])
        #expect(!stacked.upload.isBatch && stacked.axes == [1, 3])
        #expect(stacked.upload.matrices.map(\.array.shape) == [[3, 2]] && stacked.upload.matrices[0].name == nil)
        #expect(one.request.inputs.isEmpty, "its tensors are in the matrices alone")
    }

    @Test("videos of a batch have their own rows, and names")
    func batch() throws {
        let batch = try upload([2, 3, 2], lengths: [1, 3])
        #expect(batch.upload.isBatch && batch.axes == [2, 3])
        #expect(batch.upload.matrices.map(\.array.values) == [[0, 1], [6, 7, 8, 9, 10, 11]])
        #expect(batch.upload.matrices.map(\.file) == ["features[0]", "features[1]"])
    }

    @Test("what is copied is held beside what it is copied from; what is all of it is not copied")
    func held() throws {
        var held: [Int] = []
        _ = try upload([3, 2]) { held.append($0) }
        _ = try upload([1, 3, 2], lengths: [3]) { held.append($0) }
        #expect(held == [])
        _ = try upload([3, 2], lengths: [2]) { held.append($0) }
        _ = try upload([2, 3, 2], lengths: [1, 3]) { held.append($0) }
        _ = try upload([2, 3, 2]) { held.append($0) }
        #expect(held == [40, 80, 96])
        struct Full: Error {}
        #expect(throws: Full.self) { try upload([3, 2], lengths: [2]) { _ in throw Full() } }
    }
}
