import Platform

/// A certificate in the words of logs and handlers.
public struct CertificateSummary: Sendable, Equatable {
    /// Whom it names, as RFC 4514 writes it: `CN=camera-7,O=Example`.
    public let subject: String
    /// The end of its validity, in seconds since 1970.
    public let expiry: Int

    /// A summary from its parts.
    public init(subject: String, expiry: Int) {
        self.subject = subject
        self.expiry = expiry
    }

    /// The end of its validity, as RFC 3339 writes it.
    public var expiryText: String {
        var seconds = time_t(expiry)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func padded(_ number: Int32, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = [padded(parts.tm_year + 1900, 4), padded(parts.tm_mon + 1, 2), padded(parts.tm_mday, 2)]
        let clock = [padded(parts.tm_hour, 2), padded(parts.tm_min, 2), padded(parts.tm_sec, 2)]
        return date.joined(separator: "-") + "T" + clock.joined(separator: ":") + "Z"
    }

    /// How long it is still valid, in whole days; negative once it is not.
    public func daysLeft(at now: Int) -> Int {
        Int((Double(expiry - now) / 86_400).rounded(.down))
    }
}
