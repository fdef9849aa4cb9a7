import Tensors

extension Settings {
    /// The arithmetic that is named; float32 for a command that has no other.
    func compute() throws(Failure) -> Compute {
        guard let setting = Setting.named("compute"), setting.commands.contains(command) else { return .float32 }
        return Compute(rawValue: try text("compute") ?? "") ?? .float32
    }

    /// The kernels that are named, or the fastest, with the arithmetic that is named.
    func kernels() throws(Failure) -> Kernels {
        let compute = try compute()
        do throws(KernelsError) { return try Kernels.choose(try? text("kernels")).computing(compute) } catch {
            throw failure("kernels", error.description)
        }
    }
}
