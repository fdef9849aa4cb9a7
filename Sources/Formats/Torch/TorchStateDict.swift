import Platform

/// Finds the state dict in what a checkpoint's pickle built, and reads the tensors' descriptions.
struct TorchStateDict {
    let graph: PickleGraph
    let archive: ZipArchive
    /// The archive's top folder with its slash.
    let folder: String
    let path: String

    /// Far above any model, so that descriptions alone cannot fill the memory.
    private static let maxTensors = 100_000

    /// The end of a name that only the wanted weights have.
    var mark: String?
    /// The container that is asked for.
    var asked: String?

    /// What the state dict holds.
    struct Contents {
        /// The tensors that can be read, in the state dict's order.
        var tensors: [TorchTensor] = []
        /// What stands where a tensor could, and why it is not one that is read.
        var unread: [(name: String, reason: String)] = []
        /// The keys that lead to it.
        var container = ""
        /// Containers of the same weights.
        var others: [String] = []
    }

    /// The tensors of the container that holds the weights.
    func contents() throws(CheckpointError) -> Contents {
        if let call = graph.call(graph.root), let name = call.function.foreignName {
            throw .notACheckpoint(
                path: path,
                reason:
                    "holds a whole object, \(quoted(name)), not a dictionary of tensors: save its state_dict() instead")
        }
        guard let root = graph.dict(graph.root) else {
            throw .notACheckpoint(path: path, reason: "holds no dictionary of tensors")
        }
        let containers = TorchContainers(of: graph, isTensor: isTensor)
        guard
            let (chosen, others) = containers.chosen(
                asked: asked,
                isMarked: { container in
                    guard let mark else { return false }
                    return container.items.contains { graph.string($0.key)?.ends(with: mark) == true }
                })
        else {
            if let (name, reason) = unreadable(root) { throw .tensor(name: name, reason: reason) }
            let keys = root.prefix(5).compactMap { graph.string($0.key) }.map { quoted($0, limit: 40) }
            throw .notACheckpoint(
                path: path,
                reason:
                    "holds no tensors, neither by themselves nor under model_state_dict, state_dict or model; it has "
                    + (keys.isEmpty ? "nothing" : keys.joined(separator: ", ")))
        }
        var contents = try contents(of: chosen.items.map { (graph.string($0.key), $0.value) })
        contents.container = chosen.name
        contents.others = others.map(\.name)
        if contents.tensors.isEmpty, let (name, reason) = contents.unread.first {
            throw .tensor(name: name, reason: reason)
        }
        return contents
    }

    /// The tensors of a module and of those within it, as TorchScript keeps them: attributes of objects.
    func moduleContents() throws(CheckpointError) -> Contents {
        var found: [(name: String?, value: PickleGraph.Ref)] = []
        var open: [(prefix: String, attributes: PickleGraph.Ref, depth: Int)] = []
        if let attributes = graph.attributes(graph.root) { open.append(("", attributes, 0)) }
        // Modules may have their attributes in common: each is looked at once.
        var seen = Set(open.map(\.attributes))
        var nameBytes = 0
        func joined(_ prefix: String, _ name: String, _ depth: Int) throws(CheckpointError) -> String {
            // A key that is written once can be meant by every attribute: each counts as if it were written out.
            nameBytes += prefix.utf8.count + name.utf8.count + 1
            guard prefix.utf8.count + name.utf8.count <= Self.longestName, nameBytes <= Self.mostNameBytes,
                depth < Self.deepestModule
            else {
                throw .notACheckpoint(
                    path: path,
                    reason: "is a TorchScript archive whose modules are too many, too deep or too long of name")
            }
            return prefix + name
        }
        while let (prefix, attributes, depth) = open.popLast() {
            var inner: [(prefix: String, attributes: PickleGraph.Ref, depth: Int)] = []
            for (key, value) in graph.dict(attributes) ?? [] {
                if isTensor(value) {
                    guard let name = graph.string(key) else { continue }
                    found.append((try joined(prefix, name, depth), value))
                    guard found.count <= TorchStateDict.maxTensors else {
                        throw .notACheckpoint(
                            path: path, reason: "holds more than \(TorchStateDict.maxTensors) tensors, the limit")
                    }
                } else if let its = graph.attributes(value), let name = graph.string(key), seen.insert(its).inserted {
                    inner.append((try joined(prefix, name, depth) + ".", its, depth + 1))
                }
            }
            open += inner.reversed()
        }
        guard !found.isEmpty else {
            throw .notACheckpoint(
                path: path,
                reason: "is a TorchScript archive, which holds a program, and no module with tensors; save the model's "
                    + "state_dict() instead")
        }
        return try contents(of: found)
    }

    private static let deepestModule = 32
    private static let longestName = 1 << 10
    private static let mostNameBytes = 16 << 20

    private func unreadable(_ items: TorchContainers.Items) -> (name: String, reason: String)? {
        for item in items {
            guard let name = graph.string(item.key), let reason = placeholder(item.value) else { continue }
            return (name, reason)
        }
        return nil
    }

    private func contents(
        of items: [(name: String?, value: PickleGraph.Ref)]
    ) throws(CheckpointError) -> Contents {
        let named = items.filter { isTensor($0.value) }
        guard named.count <= TorchStateDict.maxTensors else {
            throw .notACheckpoint(
                path: path, reason: "holds \(named.count) tensors, and the limit is \(TorchStateDict.maxTensors)")
        }
        let isParallel = named.allSatisfy { $0.name?.begins(with: "module.") == true }
        func plain(_ name: String) -> String {
            isParallel ? name.rest(after: "module.").map { String($0) } ?? name : name
        }
        var names: Set<ByteText> = []
        var contents = Contents()
        for item in items {
            guard isTensor(item.value) else {
                if let full = item.name, let reason = placeholder(item.value),
                    contents.unread.count < TorchStateDict.maxTensors
                {
                    contents.unread.append((plain(full), reason))
                }
                continue
            }
            guard let full = item.name else {
                throw .notACheckpoint(path: path, reason: "has a tensor whose name is not text")
            }
            let name = plain(full)
            guard names.insert(ByteText(name)).inserted else { throw .tensor(name: name, reason: "occurs twice") }
            if let reason = unreadStorage(item.value) {
                contents.unread.append((name, reason))
            } else {
                contents.tensors.append(try tensor(item.value, name: name))
            }
        }
        return contents
    }

    /// Why a value is not read, where it is a call that a tensor could have been kept in.
    private func placeholder(_ ref: PickleGraph.Ref) -> String? {
        graph.call(ref)?.function.foreignName.map {
            "was pickled as a call of \(quoted($0)), which is not a kind of tensor that is read here"
        }
    }

    /// Why a tensor is not read, where its storage is of a type that is not known here.
    private func unreadStorage(_ ref: PickleGraph.Ref) -> String? {
        guard let first = rebuild(ref)?.first, case .persistentID = graph[first].kind,
            let id = graph[first].items.first.flatMap(graph.tuple), id.count >= 2,
            case .global(let kind) = graph[id[1]].kind
        else { return nil }
        switch kind {
        case .storage: return nil
        case .untypedStorage: return "is kept in an untyped storage, so that the type of its elements is not known"
        case .foreign(let name):
            return "is kept in what is not a storage of numbers that are read here, \(quoted(name))"
        default: return "is kept in what is not a storage, so that the type of its elements is not known"
        }
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
            throw .tensor(name: name, reason: "is kept in what is not a storage")
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
