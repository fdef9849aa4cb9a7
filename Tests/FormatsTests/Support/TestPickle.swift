/// Writes pickles instruction by instruction.
struct TestPickle {
    var bytes: [UInt8] = [0x80, 2]

    mutating func op(_ letters: String) { bytes += Array(letters.utf8) }
    mutating func global(_ module: String, _ name: String) { op("c\(module)\n\(name)\n") }
    mutating func text(_ text: String) {
        op("X")
        bytes.append(littleEndian: UInt32(text.utf8.count))
        op(text)
    }
    mutating func integer(_ value: Int) {
        bytes += [0x8A, 8]
        bytes.append(littleEndian: Int64(value))
    }
    mutating func integers(_ values: [Int]) {
        op("(")
        values.forEach { integer($0) }
        op("t")
    }
    mutating func tensor(
        storage: String = "FloatStorage", key: String = "0", count: Int, offset: Int = 0, shape: [Int], strides: [Int]
    ) {
        global("torch._utils", "_rebuild_tensor_v2")
        op("((")
        text("storage")
        global("torch", storage)
        text(key)
        text("cpu")
        integer(count)
        op("tQ")
        integer(offset)
        integers(shape)
        integers(strides)
        bytes += [0x89]
        op("NtR")
    }

    /// A state dict with one tensor named "w" over a storage of `count` elements.
    static func stateDict(
        storage: String = "FloatStorage", key: String = "0", count: Int, offset: Int = 0, shape: [Int], strides: [Int]
    ) -> [UInt8] {
        var pickle = TestPickle()
        pickle.op("}")
        pickle.text("w")
        pickle.tensor(storage: storage, key: key, count: count, offset: offset, shape: shape, strides: strides)
        pickle.op("s.")
        return pickle.bytes
    }
}
