import Platform

extension Limits {
    /// Descriptors that are left to the rest of the program.
    private static let reservedDescriptors = 128

    /// How many connections the limit on descriptors has room for.
    static func connectionsForDescriptors() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 512 }
        return max(16, Int(clamping: limit.rlim_cur) - reservedDescriptors)
    }
}
