/// In what the pages of a database are not what their sums say.
struct Difference {
    private let pages: Int
    /// The pages that are others.
    private var wrong: [Int] = []
    /// The pages whose sum was changed.
    private var spoilt: [Int] = []
    /// How many more pages have no sum than may have none.
    private var lacking = 0

    /// - Parameters:
    ///   - log: what has the newest of some pages, which are not looked at
    ///   - known: the head of the database as it is with the log
    init(kept: [UInt64], now: [UInt64], pages: Int, known: DatabaseHead, log: LogScan?) {
        self.pages = pages
        var unknown = 0
        // A count that is far beyond what there is is itself what is wrong.
        let pages = min(pages, max(now.count, kept.count, log?.size ?? 0) + 1)
        for page in stride(from: 1, through: pages, by: 1)
        where log?.pages.contains(UInt32(truncatingIfNeeded: page)) != true {
            let entry = page < kept.count ? kept[page] : 0
            if entry == 0 {
                unknown += 1
            } else if !PageSums.isEntry(entry, number: page) {
                spoilt.append(page)
            } else if page >= now.count || now[page] != entry {
                wrong.append(page)
            }
        }
        // One page is SQLite's for locks; the others that were never written are free.
        lacking = max(unknown - known.freePages - 1, 0)
    }

    var isNone: Bool { wrong.isEmpty && spoilt.isEmpty && lacking == 0 }

    /// What is wrong with the sums themselves; nil where nothing is.
    var ofSums: String? {
        if let page = spoilt.first { return "its entry of page \(page) was changed" }
        return lacking > 0 ? "it lacks the sums of \(lacking) pages" : nil
    }

    var ofPages: String {
        let which = (wrong + spoilt).prefix(5).map(String.init).joined(separator: ", ")
        return "\(wrong.count + spoilt.count + lacking) of \(pages) pages are not what was written"
            + (which.isEmpty ? "" : ": \(which)\(wrong.count > 5 ? ", …" : "")")
    }
}
