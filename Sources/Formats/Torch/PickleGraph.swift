/// What a pickle built: values that refer to one another by index, so that cycles and shared parts cost nothing, and
/// taking it down recurses into nothing.
struct PickleGraph {
    /// The index of a value.
    struct Ref: Hashable { fileprivate let index: Int32 }

    /// One value. Elements of tuples, lists and sets, and the keys and values of dictionaries in turn, are `items`;
    /// the items of a call are its one tuple of arguments, those of a persistent id its one value.
    struct Node {
        var kind: Kind
        var items: [Ref] = []
    }

    enum Kind {
        case none
        case bool(Bool)
        case integer(Int)
        /// An integer of more than eight bytes, whose value nobody needs.
        case longInteger
        case float(Double)
        case string(String)
        /// Bytes, whose contents nobody needs.
        case bytes(count: Int)
        case tuple, list, dict, set
        case global(PickleGlobal)
        case call(PickleGlobal)
        case persistentID
    }

    private var nodes: [Node] = []
    /// The value the pickle stands for.
    var root = Ref(index: 0)

    /// Values so far.
    var count: Int { nodes.count }

    subscript(ref: Ref) -> Node { nodes[Int(ref.index)] }

    /// Adds a value; the machine keeps the number of them below its limit, which fits an `Int32`.
    mutating func add(_ kind: Kind, items: [Ref] = []) -> Ref {
        nodes.append(Node(kind: kind, items: items))
        return Ref(index: Int32(truncatingIfNeeded: nodes.count - 1))
    }

    /// Adds elements to a list, a set or a dictionary.
    mutating func append(_ items: some Sequence<Ref>, to ref: Ref) {
        nodes[Int(ref.index)].items.append(contentsOf: items)
    }
}

extension PickleGraph {
    /// The integer, where the value is one.
    func integer(_ ref: Ref) -> Int? {
        guard case .integer(let value) = self[ref].kind else { return nil }
        return value
    }

    /// The text, where the value is a string.
    func string(_ ref: Ref) -> String? {
        guard case .string(let value) = self[ref].kind else { return nil }
        return value
    }

    /// The elements, where the value is a tuple.
    func tuple(_ ref: Ref) -> [Ref]? {
        guard case .tuple = self[ref].kind else { return nil }
        return self[ref].items
    }

    /// Keys and values, where the value is a dictionary.
    func dict(_ ref: Ref) -> [(key: Ref, value: Ref)]? {
        guard case .dict = self[ref].kind else { return nil }
        let items = self[ref].items
        return stride(from: 0, to: items.count - 1, by: 2).map { (items[$0], items[$0 + 1]) }
    }

    /// The function and its arguments, where the value is a call.
    func call(_ ref: Ref) -> (function: PickleGlobal, arguments: [Ref])? {
        guard case .call(let function) = self[ref].kind, let arguments = self[ref].items.first.flatMap(tuple) else {
            return nil
        }
        return (function, arguments)
    }
}
