import JSON

/// Something that is damaged, as commands tell it.
struct ToldDamage {
    /// The file; nil where what is damaged is none.
    var path: String?
    let reason: String
    /// Whose it is, where that is known.
    var job: String?

    /// A line.
    var text: String {
        guard let path else { return "job \(job ?? "?"): \(reason)" }
        return "\(path): \(reason)" + (job.map { " (job \($0))" } ?? "")
    }
}

extension JSONWriter {
    /// `damages`: an object each, of what is known.
    mutating func member(_ damages: [ToldDamage]) {
        key("damages")
        array(damages) { json, damage in
            json.object { json in
                if let path = damage.path { json.member("path", path) }
                json.member("reason", damage.reason)
                if let job = damage.job { json.member("job", job) }
            }
        }
    }
}
