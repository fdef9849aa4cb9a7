import Testing

@testable import Jobs

@Suite("Times as RFC 3339 writes them")
struct WallTimeReadingTests {
    @Test(
        "are read to the millisecond",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-01-01T00:00:00.000Z", 1_767_225_600_000),
            ("2024-02-29t23:59:59.5z", 1_709_251_199_500), ("2026-01-01T01:30:00+01:30", 1_767_225_600_000),
            ("2025-12-31 16:00:00-08:00", 1_767_225_600_000), ("1969-12-31T23:59:59.999Z", -1),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000), ("2026-01-01T00:00:00.123456789Z", 1_767_225_600_123),
        ])
    func reads(text: String, milliseconds: Int64) {
        #expect(WallTime(text)?.milliseconds == milliseconds)
    }

    @Test(
        "anything else is none",
        arguments: [
            "", "2026", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
            "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx", "2026-1-01T00:00:00Z",
            "2026-01-01T00:00:00+1:00", "+026-01-01T00:00:00Z", "2026-01-01T00:00:00.1234567890Z",
        ])
    func refuses(text: String) {
        #expect(WallTime(text) == nil)
    }

    @Test("every day reads back as it was written")
    func roundTrip() {
        for day in stride(from: Int64(-40_000), to: 60_000, by: 7) {
            let time = WallTime(milliseconds: day * 86_400_000 + 12_345_678)
            #expect(WallTime(time.description) == time)
        }
    }
}
