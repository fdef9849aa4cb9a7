import CKernels

/// The micro-kernels of one instruction set.
///
/// `@unchecked Sendable`: it points to a constant table of the C target, which is never written and never freed.
public struct Kernels: @unchecked Sendable {
    let table: UnsafePointer<vg_kernels>

    /// `portable`, `avx2`, `avx512` or `neon`.
    public var name: String { String(cString: table.pointee.name) }

    private init?(_ isa: vg_isa) {
        guard let table = vg_kernels_for(isa) else { return nil }
        self.table = table
    }

    private static let names: [(String, vg_isa)] = [
        ("avx512", VG_AVX512), ("avx2", VG_AVX2), ("neon", VG_NEON), ("portable", VG_PORTABLE),
    ]

    /// Those that this processor can run, the fastest first.
    public static let available: [Kernels] = names.compactMap { Kernels($0.1) }

    /// Any processor's kernels: the reference of the others.
    public static let portable: Kernels = available[available.count - 1]

    /// The kernels called `name`, or the error that says which there are.
    public static func named(_ name: String) throws(KernelsError) -> Kernels {
        guard let found = available.first(where: { $0.name == name }) else {
            throw KernelsError(asked: name, available: available.map(\.name))
        }
        return found
    }

    /// The fastest this processor has, or those that `choice` (the variable `VIGIL_KERNELS`) names.
    public static func choose(_ choice: String?) throws(KernelsError) -> Kernels {
        guard let choice, !choice.isEmpty, choice != "auto" else { return available[0] }
        return try named(choice)
    }
}

/// Kernels that this processor or this build does not have.
public struct KernelsError: Error, Equatable, CustomStringConvertible {
    /// The name that was asked for.
    public let asked: String
    /// The names that can be had here.
    public let available: [String]

    /// One sentence for a person.
    public var description: String {
        "no kernels '\(asked)' on this processor: expected auto or one of \(available.joined(separator: ", "))"
    }
}
