/// Numbers for people: with so many decimals.
public enum Decimals {
    /// `12.30` of 12.3 and two; a dash where there is no number, or one of more than nine digits.
    public static func text(_ value: Double?, _ places: Int) -> String {
        guard let value, abs(value) < 1e9 else { return "–" }
        let scale = (0..<places).reduce(1) { power, _ in power * 10 }
        let whole = Int((abs(value) * Double(scale)).rounded())
        let digits = String(whole % scale)
        let sign = value < 0 && whole > 0 ? "-" : ""
        guard places > 0 else { return sign + String(whole) }
        return sign + "\(whole / scale)." + String(repeating: "0", count: places - digits.count) + digits
    }

    /// A threshold in as many digits as tell it from other scores, so that it does not become a lower one by rounding.
    public static func threshold(_ value: Double) -> String { "\(Float(value))" }

    /// A share in percent, with so many decimals.
    public static func percent(_ share: Double?, _ places: Int = 2) -> String {
        text(share.map { 100 * $0 }, places)
    }
}
