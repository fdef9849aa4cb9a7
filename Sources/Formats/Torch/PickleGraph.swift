import Platform

/// What a pickle built: values that refer to one another by index, so that cycles and shared parts cost nothing, and
/// taking it down recurses into nothing.
struct PickleGraph {
    /// The index of a value.
    struct Ref: Hashable { fileprivate let index: Int32 }

    /// One value. Elements of tuples, lists and sets, and the keys and values of dictionaries in turn, are `items`;
    /// the items of a call are its tuple of arguments and, where it has them, the dictionary of its attributes, those of a
    /// persistent id its one value.
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

    /// The dictionary of an object's attributes, names and values, where the value is one that has some.
    func attributes(_ ref: Ref) -> Ref? {
        guard case .call = self[ref].kind, self[ref].items.count == 2 else { return nil }
        let attributes = self[ref].items[1]
        guard case .dict = self[attributes].kind else { return nil }
        return attributes
    }
}

/// The functions and classes that a checkpoint may name. None is ever called: each only says what a value stands for.
///
/// What is not known here stands beside the weights in training scripts' checkpoints (paths, dates, arrays, options) and
/// is passed over; names by which programs are run are refused all the same, so that a hostile file is called one.
enum PickleGlobal: Equatable {
    /// `collections.OrderedDict` or `defaultdict`: calling it makes a dictionary.
    case dictionary
    case rebuildTensor
    case rebuildParameter
    case storage(ElementType)
    /// A storage whose element type the pickle does not tell.
    case untypedStorage
    /// Something that training scripts leave beside the weights, and that is passed over.
    case inert
    /// Any other name, with its module: what it makes is a placeholder that stands for nothing.
    case foreign(String)

    /// Nil for what runs programs, and what is no name.
    init?(module: String, name: String) {
        guard !PickleGlobal.isHostile(module: module, name: name) else { return nil }
        switch (module, name) {
        case ("collections", "OrderedDict"), ("collections", "defaultdict"): self = .dictionary
        case ("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_tensor"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_parameter"), ("torch._utils", "_rebuild_parameter_with_state"):
            self = .rebuildParameter
        case ("torch.storage", "UntypedStorage"), ("torch.storage", "TypedStorage"), ("torch", "UntypedStorage"):
            self = .untypedStorage
        case ("torch", _):
            if let type = PickleGlobal.storages[name] {
                self = .storage(type)
            } else if PickleGlobal.torchValues.contains(name) {
                self = .inert
            } else {
                self = .foreign("torch.\(name)")
            }
        default:
            let full = "\(module).\(name)"
            self = PickleGlobal.inertNames.contains(full) ? .inert : .foreign(full)
        }
    }

    /// The name, where it is not one of those known here.
    var foreignName: String? {
        guard case .foreign(let name) = self else { return nil }
        return name
    }

    /// Whether a name is none, reaches into a module or an object (`__globals__`), or is one of those that run things.
    private static func isHostile(module: String, name: String) -> Bool {
        let modules = module.pieces(between: ASCII.dot)
        let names = name.pieces(between: ASCII.dot)
        guard let top = modules.first, let last = names.last, !modules.contains(""), !names.contains("") else {
            return true
        }
        if top == "builtins" || top == "__builtin__" { return !harmlessBuiltins.contains(name) }
        if harmlessHolders.contains("\(module).\(name)") { return false }
        return hostileModules.contains(String(top)) || exactModules.contains(module)
            || hostileNames.contains(String(last))
            || names.dropLast().contains { hostileModules.contains(String($0)) || exactModules.contains(String($0)) }
            || names.contains { $0.begins(with: "__") && $0.ends(with: "__") }
    }

    private static let harmlessBuiltins: Set<String> = [
        "set", "frozenset", "list", "dict", "tuple", "complex", "bytes", "bytearray", "slice", "range", "xrange", "int",
        "long", "float", "bool", "str", "object",
    ]

    private static let hostileModules: Set<String> = [
        "os", "posix", "nt", "sys", "subprocess", "_posixsubprocess", "popen2", "pty", "runpy", "importlib",
        "imp", "pkgutil", "shutil", "socket", "_socket", "ctypes", "_ctypes", "cffi", "codeop", "_operator", "marshal",
        "pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib",
        "multiprocessing", "_thread", "asyncio", "webbrowser", "urllib", "urllib2", "ftplib", "smtplib", "requests",
        "httpx", "_io", "tempfile", "gc", "pdb", "bdb", "cProfile", "timeit", "pip", "setuptools", "distutils", "fcntl",
        "mmap", "atexit", "builtins",
    ]

    /// Names that a project may have for a package of its own too: what lies below them is no concern.
    private static let exactModules: Set<String> = [
        "code", "commands", "http", "inspect", "io", "operator", "profile", "signal", "threading", "trace", "types",
    ]

    /// What holds values and does nothing else, in modules that can do more.
    private static let harmlessHolders: Set<String> = [
        "types.SimpleNamespace", "types.MappingProxyType", "operator.itemgetter",
    ]

    private static let hostileNames: Set<String> = [
        "system", "popen", "Popen", "exec", "execfile", "eval", "compile", "open", "getattr", "setattr", "attrgetter",
        "methodcaller", "load", "loads", "_load_from_bytes", "load_library", "load_url",
        "load_state_dict_from_url", "from_file", "fromfile", "memmap", "import_module", "run_code", "_run_code",
        "run_module", "run_path", "runstring", "check_output", "check_call",
    ]

    private static let storages: [String: ElementType] = [
        "FloatStorage": .float32, "HalfStorage": .float16, "BFloat16Storage": .bfloat16, "DoubleStorage": .float64,
        "LongStorage": .int64, "IntStorage": .int32, "ShortStorage": .int16, "CharStorage": .int8,
        "ByteStorage": .uint8, "BoolStorage": .bool,
    ]

    private static let torchValues: Set<String> = [
        "Size", "device", "float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8",
        "bool", "half", "float", "double", "long", "int", "short",
    ]

    /// Numpy scalars hold the metrics of an epoch, protocol 2 writes their bytes through `_codecs.encode`, and
    /// `argparse.Namespace` holds a script's options, `collections.Counter` a schedule's milestones.
    private static let inertNames: Set<String> = [
        "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype", "_codecs.encode",
        "__builtin__.set", "builtins.set", "__builtin__.frozenset", "builtins.frozenset", "argparse.Namespace",
        "collections.Counter",
    ]
}
