import CKernels

extension Kernels {
    /// Floating-point operations a second that these kernels reach on this core when nothing holds them up: the best of
    /// several short runs.
    public func measuredPeak() -> Double {
        let rounds = 400_000
        let clock = ContinuousClock()
        var best = Double.infinity
        var sink: Float = 0
        for _ in 0..<9 {
            let start = clock.now
            sink += table.pointee.peak(rounds)
            let (seconds, attoseconds) = (clock.now - start).components
            best = min(best, Double(seconds) + Double(attoseconds) * 1e-18)
        }
        // The sum is looked at, so that the work can't be left out.
        return sink.isNaN ? 0 : Double(rounds * table.pointee.peak_flops) / best
    }
}
