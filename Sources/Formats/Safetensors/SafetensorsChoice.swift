import Platform

/// Which tensors of a safetensors body an upload is about.
enum SafetensorsChoice: Sendable {
    /// The one of that name.
    case named(String)
    /// The tensor `features`; without it the only one that is a matrix.
    case onlyMatrix
    /// The tensor `features`; without it all that are matrices.
    case matrices

    /// What an upload's only matrix is called.
    static let usual = "features"

    /// The tensors to keep, in the order of their bytes, all of them of a kind and size that is taken.
    func wanted(
        of tensors: [SafetensorsTensor], limits: ArrayLimits
    ) throws(ArrayDecodingError) -> [SafetensorsTensor] {
        let wanted = try select(from: tensors, limits: limits)
        var elements = 0
        for tensor in wanted {
            try Self.check(tensor, limits: limits)
            elements += tensor.elementCount
            guard elements <= limits.maxElements else {
                throw ArrayDecodingError(
                    .tooLarge,
                    "the tensors up to \(quoted(tensor.name)) have \(elements) elements together; the limit is "
                        + "\(limits.maxElements)")
            }
        }
        return wanted
    }

    private func select(
        from tensors: [SafetensorsTensor], limits: ArrayLimits
    ) throws(ArrayDecodingError) -> [SafetensorsTensor] {
        if case .named(let name) = self {
            if let tensor = tensors.first(where: { $0.name == name }) { return [tensor] }
            throw Self.missing("no tensor \(quoted(name))", in: tensors)
        }
        if let tensor = tensors.first(where: { $0.name == Self.usual }) { return [tensor] }
        let matrices = tensors.filter { $0.shape.count == 2 }
        guard !matrices.isEmpty else {
            throw Self.missing("no tensor \(quoted(Self.usual)) and none with two axes", in: tensors)
        }
        if case .onlyMatrix = self, matrices.count > 1 {
            throw ArrayDecodingError(
                .unsupported,
                "the safetensors body has no tensor \(quoted(Self.usual)) and \(matrices.count) other matrices, "
                    + "\(Self.list(matrices)): expected one")
        }
        guard matrices.count <= limits.maxMatrices else {
            throw ArrayDecodingError(
                .tooMany,
                "the safetensors body has \(matrices.count) matrices; an upload may have \(limits.maxMatrices)")
        }
        return matrices
    }

    private static func missing(_ what: String, in tensors: [SafetensorsTensor]) -> ArrayDecodingError {
        ArrayDecodingError(
            .missing, "the safetensors body has \(what); it has \(tensors.isEmpty ? "none" : list(tensors))")
    }

    private static func list(_ tensors: [SafetensorsTensor]) -> String {
        let shown = tensors.prefix(5).map { quoted($0.name, limit: 40) }.joined(separator: ", ")
        return tensors.count > 5 ? "\(shown) and \(tensors.count - 5) more" : shown
    }

    private static func check(_ tensor: SafetensorsTensor, limits: ArrayLimits) throws(ArrayDecodingError) {
        guard tensor.elementType.isFloatingPoint else {
            throw ArrayDecodingError(
                .unsupported,
                "the tensor \(quoted(tensor.name)) is \(tensor.elementType); float16, bfloat16, float32 and float64 "
                    + "are taken: convert it by .astype('float32') or .float()")
        }
        guard tensor.shape.count <= ArrayLimits.maxRank else {
            throw ArrayDecodingError(
                .unsupported,
                "the tensor \(quoted(tensor.name)) has \(tensor.shape.count) axes; at most \(ArrayLimits.maxRank) "
                    + "are taken")
        }
        guard tensor.elementCount <= limits.maxElements else {
            throw ArrayDecodingError(
                .tooLarge,
                "the tensor \(quoted(tensor.name)) has \(tensor.elementCount) elements; the limit is "
                    + "\(limits.maxElements)")
        }
    }
}
