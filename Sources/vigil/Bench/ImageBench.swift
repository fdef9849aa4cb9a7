import CLIP
import JSON
import Platform
import Tensors
import VadCLIP

extension TaskCrew: TaskSharing {}

/// Times CLIP's image tower: frames to features, batch by batch.
struct ImageBench {
    let kernels: Kernels
    let threads: Int
    let runs: Int

    /// The largest difference from the portable kernels' numbers with which a tower is timed. In bfloat16 they round what
    /// others multiply as it is.
    private func tolerance(_ reference: [Float]) -> Float {
        kernels.compute == .float32 ? 1e-3 : 0.02 * (reference.map { abs($0) }.max() ?? 0)
    }

    /// - Parameter path: a file with a tower; random weights in ViT-B/16's shape where there is none
    func report(path: String?, batches: [Int]) throws -> ImageReport {
        let peak = kernels.measuredPeak()
        let file = try path.map { try MappedFile(path: $0) }
        if file == nil { try check() }
        func tower(_ kernels: Kernels) throws -> ImageTower {
            guard let file else { return try Self.random(layers: 12, kernels: kernels) }
            return try ModelSource.named(file) { () throws(ModelError) in
                try KeptImageTower.open(file, kernels: kernels).tower()
            }
        }
        let timed = try tower(kernels)
        let exact = kernels.compute == .float32 ? nil : try tower(kernels.computing(.float32))
        return ImageReport(
            kernels: kernels.name, compute: kernels.compute.rawValue, multiplier: kernels.narrowName,
            tower: timed.configuration, threads: threads, peak: peak,
            batches: batches.map { time(timed, exact, images: $0) })
    }

    /// The median time of a batch, after one that is not counted.
    ///
    /// - Parameter exact: the same tower in float32, where it is not in that
    private func time(_ tower: ImageTower, _ exact: ImageTower?, images count: Int) -> ImageReport.Batch {
        let crew = TaskCrew(threads: threads, name: "vigil-frames")
        let scratch = ImageScratch(for: tower, images: count, crew: crew)
        let images = Self.images(count, side: tower.resolution)
        let clock = ContinuousClock()
        let found = tower.encode(images, with: scratch)
        let nearness = exact.map { exact in
            ImageReport.Nearness(
                found, exact.encode(images, with: ImageScratch(for: exact, images: count, crew: crew)))
        }
        let times = (0..<runs).map { _ in
            let (seconds, attoseconds) = clock.measure { _ = tower.encode(images, with: scratch) }.components
            return Double(seconds) + Double(attoseconds) * 1e-18
        }.sorted()
        return ImageReport.Batch(images: count, seconds: times[times.count / 2], nearness: nearness)
    }

    /// Throws where a block of these kernels' differs from the portable ones'.
    private func check() throws {
        let images = Self.images(1, side: 224)
        let both = try [.portable.computing(kernels.compute), kernels].map { kernels in
            let tower = try Self.random(layers: 2, kernels: kernels)
            return tower.encode(images, with: ImageScratch(for: tower, images: 1)).values
        }
        let difference = zip(both[0], both[1]).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
        guard difference <= tolerance(both[0]) else {
            throw Failure(
                .internal,
                "the image tower: the \(kernels.described) kernels differ by \(difference) from the portable ones"
            )
        }
    }

    private static func images(_ count: Int, side: Int) -> [[UInt8]] {
        var random = SplitMix64(state: 1)
        return (0..<count).map { _ in (0..<3 * side * side).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
    }

    private static func random(layers: Int, kernels: Kernels) throws -> ImageTower {
        let shape = ImageTower.Configuration(width: 768, outputWidth: 512, layers: layers, patch: 16, grid: 14)
        do {
            return try ImageTower(from: RandomTower(), configuration: shape, in: Preparation(kernels: kernels))
        } catch {
            throw Failure(.internal, "\(error)")
        }
    }
}

/// Weights of the usual sizes, the same whenever they are asked for.
private struct RandomTower: WeightSource {
    func shape(of name: String) -> [Int]? { nil }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        var random = SplitMix64(state: name.utf8.reduce(1) { $0 &* 31 &+ UInt64($1) })
        let isMatrix = shape.count > 1
        let scale = isMatrix ? 1.7 / Float(shape.dropFirst().reduce(1, *)).squareRoot() : 0.05
        let centre: Float = !isMatrix && name.ends(with: "weight") ? 1 : 0
        return (0..<shape.reduce(1, *)).map { _ in centre + scale * (2 * Float(random.unit()) - 1) }
    }
}

/// What `vigil bench engine --image` measured.
struct ImageReport {
    struct Batch {
        let images: Int
        let seconds: Double
        /// Nil in float32.
        let nearness: Nearness?
    }

    /// How near features of fewer bits are to float32's.
    struct Nearness {
        let cosine: Double
        let difference: Float

        /// The lowest cosine of two rows, and the largest difference of two numbers.
        init(_ found: Matrix, _ exact: Matrix) {
            var (lowest, largest) = (1.0, Float.zero)
            for row in 0..<found.rows {
                var (product, own, other) = (0.0, 0.0, 0.0)
                for (a, b) in zip(found[row: row], exact[row: row]) {
                    product += Double(a) * Double(b)
                    own += Double(a) * Double(a)
                    other += Double(b) * Double(b)
                    largest = max(largest, abs(a - b))
                }
                lowest = min(lowest, product / (own.squareRoot() * other.squareRoot()))
            }
            (cosine, difference) = (lowest, largest)
        }
    }

    let kernels: String
    let compute: String
    /// What multiplies in fewer bits.
    let multiplier: String?
    let tower: ImageTower.Configuration
    let threads: Int
    /// Floating-point operations a second of one core's multiply-add units.
    let peak: Double
    let batches: [Batch]

    private func rate(_ batch: Batch) -> Double { Double(batch.images) * tower.operations / batch.seconds }

    var text: String {
        func row(_ cells: [String]) -> String { ReportText.row(cells, widths: [10, 10, 12, 10, 10, 12, 10, 12]) }
        func fixed(_ value: Double, _ digits: Int) -> String { ReportText.fixed(value, digits) }
        var lines = [
            "kernels \(kernels), \(compute)\(multiplier.map { " by \($0)" } ?? ""), image tower \(tower), peak of a core "
                + "\(fixed(peak / 1e9, 1)) GFLOP/s", "",
            row(
                ["batch", "threads", "ms", "GFLOP/s", "of peak", "images/s"]
                    + (multiplier == nil ? [] : ["cosine", "difference"])),
        ]
        lines += batches.map { batch in
            row(
                [
                    "\(batch.images)", "\(threads)", fixed(batch.seconds * 1e3, 1), fixed(rate(batch) / 1e9, 1),
                    "\(Int((100 * rate(batch) / peak / Double(threads)).rounded()))%",
                    fixed(Double(batch.images) / batch.seconds, 2),
                ] + (batch.nearness.map { [fixed($0.cosine, 6), fixed(Double($0.difference), 4)] } ?? []))
        }
        return lines.joined(separator: "\n")
    }

    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("kernels", kernels)
                json.member("compute", compute)
                json.member("multiplier", multiplier)
                json.member("image_tower", "\(tower)")
                json.member("threads", threads)
                json.member("peak_gflops", peak / 1e9)
                json.key("images")
                json.array(batches) { json, batch in
                    json.object { json in
                        json.member("batch", batch.images)
                        json.member("ms", batch.seconds * 1e3)
                        json.member("images_per_second", Double(batch.images) / batch.seconds)
                        json.member("gflops", rate(batch) / 1e9)
                        json.member("share_of_peak", rate(batch) / peak / Double(threads))
                        json.member("lowest_cosine", batch.nearness.map(\.cosine))
                        json.member("largest_difference", batch.nearness.map { Double($0.difference) })
                    }
                }
            }
        }
    }
}
