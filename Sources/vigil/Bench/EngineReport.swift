import JSON

/// What `vigil bench engine` measured.
struct EngineReport {
    struct Operation {
        let name: String
        let rows: Int
        let inputs: Int
        let outputs: Int
        let seconds: Double
        /// Floating-point operations a second; nil where they are not what takes the time.
        let rate: Double?
    }

    struct Video {
        let snippets: Int
        let seconds: Double
        /// Floating-point operations a second.
        let rate: Double
        /// The largest difference of a logit from float32's; nil for float32 itself.
        let difference: Float?
    }

    let kernels: String
    let compute: String
    /// What multiplies in fewer bits; nil for float32.
    let multiplier: String?
    let model: String
    let threads: Int
    /// Floating-point operations a second of one core's multiply-add units.
    let peak: Double
    let operations: [Operation]
    let videos: [Video]

    var text: String {
        var lines = [
            "kernels \(kernels), \(compute)\(multiplier.map { " by \($0)" } ?? ""), model \(model), peak of a core \(fixed(peak / 1e9, 1)) GFLOP/s",
            "",
            row(["operation", "rows x in x out", "ms", "GFLOP/s", "of peak"]),
        ]
        lines += operations.map { operation in
            row([
                operation.name, "\(operation.rows) x \(operation.inputs) x \(operation.outputs)",
                fixed(operation.seconds * 1e3, 3), operation.rate.map { fixed($0 / 1e9, 1) } ?? "",
                operation.rate.map { percent($0 / peak) } ?? "",
            ])
        }
        lines += ["", row(["video", "threads", "ms", "GFLOP/s", "of peak", "snippets/s"])]
        lines += videos.map { video in
            row([
                "\(video.snippets) snippets", "\(threads)", fixed(video.seconds * 1e3, 2), fixed(video.rate / 1e9, 1),
                percent(video.rate / peak / Double(threads)),
                "\(Int((Double(video.snippets) / video.seconds).rounded()))",
            ])
        }
        let differences = videos.compactMap(\.difference)
        if let largest = differences.max() {
            lines += ["", "largest difference of a logit from float32's: \(largest)"]
        }
        return lines.joined(separator: "\n")
    }

    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("kernels", kernels)
                json.member("compute", compute)
                json.member("multiplier", multiplier)
                json.member("model", model)
                json.member("threads", threads)
                json.member("peak_gflops", peak / 1e9)
                json.key("operations")
                json.array(operations) { json, operation in
                    json.object { json in
                        json.member("name", operation.name)
                        json.member("rows", operation.rows)
                        json.member("inputs", operation.inputs)
                        json.member("outputs", operation.outputs)
                        json.member("ms", operation.seconds * 1e3)
                        if let rate = operation.rate {
                            json.member("gflops", rate / 1e9)
                            json.member("share_of_peak", rate / peak)
                        }
                    }
                }
                json.key("videos")
                json.array(videos) { json, video in
                    json.object { json in
                        json.member("snippets", video.snippets)
                        json.member("ms", video.seconds * 1e3)
                        json.member("gflops", video.rate / 1e9)
                        json.member("share_of_peak", video.rate / peak / Double(threads))
                        if let difference = video.difference { json.member("largest_difference", Double(difference)) }
                    }
                }
            }
        }
    }

    private func row(_ cells: [String]) -> String { ReportText.row(cells, widths: [28, 18, 10, 10, 10, 12]) }

    private func percent(_ share: Double) -> String { "\(Int((100 * share).rounded()))%" }

    private func fixed(_ value: Double, _ digits: Int) -> String { ReportText.fixed(value, digits) }
}
