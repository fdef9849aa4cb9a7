/// How far a client has come with a job's events: the `id` of each.
///
/// `3` says that the scores of three chunks were delivered, `8.end` that all was said. Scores are the same whenever and
/// wherever a chunk is scored, so a position holds across attempts, restarts and servers; everything that is no score
/// is told anew to whoever comes back.
struct EventPosition: Equatable {
    private static let end = ".end"

    /// Chunks whose scores were delivered.
    var chunks = 0
    /// Whether the last event was.
    var isEnd = false

    /// The beginning.
    init() {}

    /// Reads `Last-Event-ID`; what is no position among so many chunks counts as the beginning.
    init(lastEventID text: String?, chunks most: Int) {
        guard let text, text.utf8.count <= 20 else { return }
        let isEnd = text.ends(with: Self.end)
        let digits = isEnd ? text.dropLast(Self.end.count) : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let chunks = Int(digits), chunks <= most
        else { return }
        self.chunks = chunks
        self.isEnd = isEnd
    }

    /// The position as an event's id.
    var id: String { "\(chunks)\(isEnd ? Self.end : "")" }
}
