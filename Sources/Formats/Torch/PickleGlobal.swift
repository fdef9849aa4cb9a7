/// The functions and classes that a checkpoint may name. None is ever called: each only says what a value stands for.
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

    /// Nil for everything that a checkpoint has no use for.
    init?(module: String, name: String) {
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
                return nil
            }
        default:
            guard PickleGlobal.inertNames.contains("\(module).\(name)") else { return nil }
            self = .inert
        }
    }

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
