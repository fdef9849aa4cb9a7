import CKernels

/// The arithmetic of products with constant weights. All else is float32 in each.
public enum Compute: String, Sendable, CaseIterable {
    /// Single precision throughout.
    case float32
    /// Weights with 8 bits of precision and float32's range, and where the processor multiplies such numbers also what they
    /// are multiplied with; sums are float32.
    case bfloat16
    /// Weights as 8-bit integers with a scale for each output, what they are multiplied with as 8-bit integers with a scale
    /// for each row; sums are exact.
    case int8

    var precision: vg_precision? {
        switch self {
        case .float32: nil
        case .bfloat16: VG_BFLOAT16
        case .int8: VG_INT8
        }
    }
}

/// The products of fewer bits that stand beside an instruction set's kernels.
///
/// `@unchecked Sendable`: it points to a constant table of the C target, which is never written and never freed.
struct NarrowKernels: @unchecked Sendable {
    let table: UnsafePointer<vg_narrow>

    /// What multiplies, such as `avxvnni`; the instruction set itself where it is no extension of it.
    var name: String { String(cString: table.pointee.name) }

    /// How weights lie, the same for all that can take each other's.
    var layout: String { "\(table.pointee.panel)x\(table.pointee.group)" }
}

extension Kernels {
    /// The same kernels, whose products with constant weights have this arithmetic.
    public func computing(_ compute: Compute) -> Kernels { Kernels(table: table, isa: isa, compute: compute) }

    /// The kernels with their arithmetic where that is not float32, for a person: `avx2`, or `avx2 int8`.
    public var described: String { compute == .float32 ? name : "\(name) \(compute.rawValue)" }

    /// What there is here for products of fewer bits, the fastest first; none for float32.
    var narrowChoices: [NarrowKernels] {
        guard let precision = compute.precision else { return [] }
        var all: [NarrowKernels] = []
        while let table = vg_narrow_for(isa, precision, Int32(all.count)) { all.append(NarrowKernels(table: table)) }
        return all
    }

    /// What multiplies in fewer bits; nil for float32.
    public var narrowName: String? { narrowChoices.first?.name }

    /// What a prepared block is called that depends on the arithmetic: for float32 by its name alone.
    public func blockName(_ name: String) -> String {
        narrowChoices.first.map { "\(compute.rawValue).\($0.name).\(name)" } ?? name
    }
}
