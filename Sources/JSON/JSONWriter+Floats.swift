/// float32 numbers, one or many.
extension JSONWriter {
    /// Numbers that are written in one go, on the stack.
    private static let batch = 64

    /// The shortest decimal that reads back to the same float32; null where it is not finite.
    public mutating func number(_ value: Float) {
        withUnsafePointer(to: value) { append(UnsafeBufferPointer(start: $0, count: 1)) }
    }

    /// An array of numbers, each as `number` writes it.
    public mutating func array(_ values: ArraySlice<Float>) {
        enclose("[", "]") { writer in
            values.withUnsafeBufferPointer { values in
                for start in stride(from: 0, to: values.count, by: Self.batch) {
                    let end = min(start + Self.batch, values.count)
                    writer.append(UnsafeBufferPointer(rebasing: values[start..<end]))
                }
            }
        }
    }

    /// An array of arrays of `width` numbers.
    public mutating func array(_ values: [Float], rowsOf width: Int) {
        enclose("[", "]") { writer in
            for start in stride(from: 0, to: values.count, by: width) {
                writer.array(values[start..<min(start + width, values.count)])
            }
        }
    }

    /// Appends up to `batch` numbers with the commas between and before them.
    ///
    /// Sound: each takes a comma and at most `FloatText.longest` bytes, for which there is room.
    private mutating func append(_ values: UnsafeBufferPointer<Float>) {
        let room = values.count * (1 + FloatText.longest)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: room) { text in
            guard var end = text.baseAddress else { return }
            for value in values {
                if needsComma {
                    end.initialize(to: UInt8(ascii: ","))
                    end += 1
                }
                needsComma = true
                if value.isFinite {
                    end += FloatText.write(value, to: end)
                } else {
                    end.initialize(from: Array("null".utf8), count: 4)
                    end += 4
                }
            }
            bytes.append(contentsOf: text[..<(end - (text.baseAddress ?? end))])
        }
    }
}
