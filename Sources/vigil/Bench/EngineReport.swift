import Formats

/// What `vigil bench engine` measured.
struct EngineReport {
    struct Product {
        let name: String
        let rows: Int
        let inputs: Int
        let outputs: Int
        let seconds: Double
        /// Floating-point operations a second.
        let rate: Double
    }

    struct Video {
        let snippets: Int
        let seconds: Double
        /// Floating-point operations a second.
        let rate: Double
    }

    let kernels: String
    let model: String
    let threads: Int
    /// Floating-point operations a second of one core's multiply-add units.
    let peak: Double
    let products: [Product]
    let videos: [Video]

    var text: String {
        var lines = [
            "kernels \(kernels), model \(model), peak of a core \(fixed(peak / 1e9, 1)) GFLOP/s", "",
            row(["product", "rows x in x out", "ms", "GFLOP/s", "of peak"]),
        ]
        lines += products.map { product in
            row([
                product.name, "\(product.rows) x \(product.inputs) x \(product.outputs)",
                fixed(product.seconds * 1e3, 3),
                fixed(product.rate / 1e9, 1), "\(Int((100 * product.rate / peak).rounded()))%",
            ])
        }
        lines += ["", row(["video", "threads", "ms", "GFLOP/s", "snippets/s"])]
        lines += videos.map { video in
            row([
                "\(video.snippets) snippets", "\(threads)", fixed(video.seconds * 1e3, 2), fixed(video.rate / 1e9, 1),
                "\(Int((Double(video.snippets) / video.seconds).rounded()))",
            ])
        }
        return lines.joined(separator: "\n")
    }

    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("kernels", kernels)
                json.member("model", model)
                json.member("threads", threads)
                json.member("peak_gflops", peak / 1e9)
                json.key("products")
                json.array(products) { json, product in
                    json.object { json in
                        json.member("name", product.name)
                        json.member("rows", product.rows)
                        json.member("inputs", product.inputs)
                        json.member("outputs", product.outputs)
                        json.member("ms", product.seconds * 1e3)
                        json.member("gflops", product.rate / 1e9)
                        json.member("share_of_peak", product.rate / peak)
                    }
                }
                json.key("videos")
                json.array(videos) { json, video in
                    json.object { json in
                        json.member("snippets", video.snippets)
                        json.member("ms", video.seconds * 1e3)
                        json.member("gflops", video.rate / 1e9)
                    }
                }
            }
        }
    }

    private func row(_ cells: [String]) -> String { ReportText.row(cells, widths: [24, 18, 10, 10, 12]) }

    private func fixed(_ value: Double, _ digits: Int) -> String { ReportText.fixed(value, digits) }
}
