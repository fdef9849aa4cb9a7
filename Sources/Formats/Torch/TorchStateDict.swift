/// Finds the state dict in what a checkpoint's pickle built, and reads the tensors' descriptions.
struct TorchStateDict {
    let graph: PickleGraph
    let archive: ZipArchive
    /// The archive's top folder with its slash.
    let folder: String
    let path: String

    /// Far above any model, so that descriptions alone cannot fill the memory.
    private static let maxTensors = 100_000

    /// The tensors in the state dict's order.
    func tensors() throws(CheckpointError) -> [TorchTensor] {
        guard let root = graph.dict(graph.root) else {
            throw .notACheckpoint(path: path, reason: "holds no dictionary of tensors")
        }
        for key in ["model_state_dict", "state_dict", "model"] {
            guard let nested = root.last(where: { graph.string($0.key) == key })?.value, let items = graph.dict(nested),
                items.contains(where: { isTensor($0.value) })
            else { continue }
            return try tensors(of: items)
        }
        guard root.contains(where: { isTensor($0.value) }) else {
            let keys = root.prefix(5).compactMap { graph.string($0.key) }.map { quoted($0, limit: 40) }
            throw .notACheckpoint(
                path: path,
                reason:
                    "holds no tensors, neither by themselves nor under model_state_dict, state_dict or model; it has "
                    + (keys.isEmpty ? "nothing" : keys.joined(separator: ", ")))
        }
        return try tensors(of: root)
    }

    private func tensors(of items: [(key: PickleGraph.Ref, value: PickleGraph.Ref)]) throws(CheckpointError)
        -> [TorchTensor]
    {
        let named = items.compactMap { item in
            isTensor(item.value) ? (name: graph.string(item.key), value: item.value) : nil
        }
        guard named.count <= TorchStateDict.maxTensors else {
            throw .notACheckpoint(
                path: path, reason: "holds \(named.count) tensors, and the limit is \(TorchStateDict.maxTensors)")
        }
        let isParallel = named.allSatisfy { $0.name?.hasPrefix("module.") == true }
        var names: Set<String> = []
        var tensors: [TorchTensor] = []
        for item in named {
            guard let full = item.name else {
                throw .notACheckpoint(path: path, reason: "has a tensor whose name is not text")
            }
            let name = isParallel ? String(full.dropFirst("module.".count)) : full
            guard names.insert(name).inserted else { throw .tensor(name: name, reason: "occurs twice") }
            tensors.append(try tensor(item.value, name: name))
        }
        return tensors
    }

    /// A rebuilt tensor, or a parameter around one.
    private func isTensor(_ ref: PickleGraph.Ref) -> Bool { rebuild(ref) != nil }

    private func rebuild(_ ref: PickleGraph.Ref) -> [PickleGraph.Ref]? {
        guard let call = graph.call(ref) else { return nil }
        switch call.function {
        case .rebuildTensor: return call.arguments
        case .rebuildParameter:
            guard let inner = call.arguments.first.flatMap(graph.call), inner.function == .rebuildTensor else {
                return nil
            }
            return inner.arguments
        default: return nil
        }
    }

    private func tensor(_ ref: PickleGraph.Ref, name: String) throws(CheckpointError) -> TorchTensor {
        // (storage, offset, shape, strides, …): what follows concerns training.
        guard let arguments = rebuild(ref), arguments.count >= 4, let offset = graph.integer(arguments[1]),
            let shape = integers(arguments[2]), let strides = integers(arguments[3])
        else { throw .tensor(name: name, reason: "is not described by a storage, an offset, a shape and strides") }
        let (type, entry) = try storage(arguments[0], name: name)
        return try TorchTensor(
            name: name, elementType: type, shape: shape, strides: strides, offset: offset, storage: entry)
    }

    private func integers(_ ref: PickleGraph.Ref) -> [Int]? {
        // torch.Size((3, 4)) is a call around the tuple.
        let inner = graph.call(ref).flatMap { $0.arguments.count == 1 ? $0.arguments[0] : nil } ?? ref
        guard let items = graph.tuple(inner), items.count <= 64 else { return nil }
        let values = items.compactMap(graph.integer)
        return values.count == items.count ? values : nil
    }

    /// ("storage", the storage's class, its key, its device, its number of elements)
    private func storage(
        _ ref: PickleGraph.Ref, name: String
    ) throws(CheckpointError) -> (ElementType, ZipEntry) {
        guard case .persistentID = graph[ref].kind, let id = graph[ref].items.first.flatMap(graph.tuple), id.count >= 5,
            graph.string(id[0]) == "storage", case .global(let kind) = graph[id[1]].kind,
            let key = graph.string(id[2]), let count = graph.integer(id[4])
        else { throw .tensor(name: name, reason: "has a storage that is not described as torch.save does") }
        guard case .storage(let type) = kind else {
            let fault = kind == .untypedStorage ? "an untyped storage" : "what is not a storage"
            throw .tensor(name: name, reason: "is kept in \(fault), so that the type of its elements is not known")
        }
        guard let entry = archive.entry(named: "\(folder)data/\(key)") else {
            throw .tensor(name: name, reason: "is kept in the storage \(quoted(key)), which the archive does not have")
        }
        let (size, overflow) = count.multipliedReportingOverflow(by: type.byteSize)
        guard !overflow, size == entry.size else {
            throw .tensor(
                name: name,
                reason: "claims \(count) \(type) elements of the storage \(quoted(key)), which has \(entry.size) bytes")
        }
        return (type, entry)
    }
}
