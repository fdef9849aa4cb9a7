public import HTTP
import HTTPTypes
import Platform
import Telemetry

/// Counts requests as they are answered: on event loops, by additions alone.
///
/// Routes go by their patterns and statuses by a list, so that no client can make series.
public final class RequestTelemetry: Sendable {
    /// A method on a route.
    private struct Row: Hashable {
        let method: String
        let route: String
    }

    /// What has no route, or a method that no route has.
    static let none = "none"
    static let other = "other"
    private static let methods = ["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", other]
    /// The statuses that answers have; `none` where the connection ended before.
    static let statuses =
        [
            200, 202, 204, 206, 304, 400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 414, 415, 417, 422, 429, 431,
            500,
            501, 503, 505, 507,
        ].map { "\($0)" } + [other, none]
    /// Those that are there at zero on every route; the others come with their first answer.
    private static let usual: Set = ["200", "400", "401", "404", "429", "500", "503"]
    /// Those that submissions have beside.
    private static let usualOfUploads: Set = ["202", "408", "409", "413", "415", "422", "507"]
    static let classes = ["2xx", "3xx", "4xx", "5xx", none]
    /// Of the durations, which have many series each, those of good answers are there at zero, and of uploads the others.
    private static func isUsual(_ status: String, of row: Row) -> Bool {
        if row.route == none { return status == "4xx" }
        return status == "2xx" || row.method == "POST" && ["4xx", "5xx"].contains(status)
    }

    let requests: Counters
    let durations: Histograms
    let requestBytes: Histograms
    let responseBytes: Histograms
    let problems: Counters
    let refused: Counters

    /// The row of each method, of each route.
    private let rows: [String: [Int]]
    private let rowsWithout: [Int]
    private let takesBody: [Bool]
    private let problemPlaces: [String: Int]
    private let shortagePlaces: [String: Int]
    private let statusPlaces: [Int]

    /// Counts requests to these routes, and problems of these types.
    init(routes: [(method: HTTPRequest.Method, pattern: String)], problems types: [String]) {
        let (all, shown) = Self.rows(of: routes)
        takesBody = all.map { $0.method == "POST" || $0.method == "PUT" || $0.method == "PATCH" }
        var rows: [String: [Int]] = [:]
        for (index, row) in all.enumerated() {
            let method = Self.methods.firstIndex(of: row.method) ?? Self.methods.count - 1
            rows[row.route, default: Array(repeating: -1, count: Self.methods.count)][method] = index
        }
        rowsWithout = rows[Self.none] ?? []
        self.rows = rows
        requests = Counters(
            .httpRequests,
            all.flatMap { row in
                Self.statuses.map { status in
                    let isUsual =
                        Self.usual.contains(status) || row.method == "POST" && Self.usualOfUploads.contains(status)
                    return .init([row.method, row.route, status], isHidden: !isUsual || !shown.contains(row))
                }
            })
        durations = Histograms(
            .httpDuration,
            all.flatMap { row in
                Self.classes.map {
                    .init([row.method, row.route, $0], isHidden: !Self.isUsual($0, of: row) || !shown.contains(row))
                }
            })
        let sized = all.map { Counters.Series([$0.method, $0.route], isHidden: !shown.contains($0)) }
        requestBytes = Histograms(
            .httpRequestBytes, zip(sized, takesBody).map { .init($0.labels, isHidden: $0.isHidden || !$1) })
        responseBytes = Histograms(.httpResponseBytes, sized)
        let types = types + [Self.other]
        problems = Counters(.httpProblems, values: types)
        problemPlaces = Dictionary(types.enumerated().map { ($1, $0) }) { first, _ in first }
        let shortages = Family.Shortage.allCases.map(\.rawValue)
        refused = Counters(.refused, values: shortages)
        shortagePlaces = Dictionary(shortages.enumerated().map { ($1, $0) }) { first, _ in first }
        statusPlaces = (0..<600).map { Self.statuses.firstIndex(of: "\($0)") ?? Self.statuses.count - 2 }
    }

    /// The rows that there can be, and those that are there from the start.
    private static func rows(of routes: [(method: HTTPRequest.Method, pattern: String)]) -> ([Row], Set<Row>) {
        let named = routes.map { Row(method: $0.method.rawValue, route: $0.pattern) }
        // What answers GET answers HEAD too.
        let heads = named.filter { $0.method == "GET" }.map { Row(method: "HEAD", route: $0.route) }
        let without = methods.map { Row(method: $0, route: none) }
        let usual =
            named.filter { !isSeldom($0.route) } + without.filter { ["GET", "POST", other].contains($0.method) }
        return (named + heads + without, Set(usual))
    }

    /// Most who watch a server have no client of the Open Inference Protocol, or one that asks for scores alone; and what is
    /// served changes seldom.
    private static func isSeldom(_ route: String) -> Bool {
        route.begins(with: "/v1/models/") || route.begins(with: "/v2") && !route.hasBytes(of: "/v2/models/{name}/infer")
    }

    /// Counts an answer.
    public func observe(_ record: ExchangeRecord) {
        let row = row(of: record)
        requests.add(to: row * Self.statuses.count + place(of: record.status))
        durations.observe(
            record.duration, in: row * Self.classes.count + Self.place(ofClass: record.status), trace: record.traceID)
        if takesBody[row] { requestBytes.observe(record.bodyBytes, in: row) }
        responseBytes.observe(record.answerBytes, in: row)
        if let problem = record.problem {
            problems.add(to: problemPlaces[problem] ?? problemPlaces.count - 1)
            if let place = record.shortage.flatMap({ shortagePlaces[$0] }) { refused.add(to: place) }
        }
    }

    private func row(of record: ExchangeRecord) -> Int {
        let method = Self.place(of: record.method)
        if let route = record.route, let row = rows[route]?[method], row >= 0 { return row }
        return rowsWithout[method]
    }

    private static func place(of method: HTTPRequest.Method?) -> Int {
        switch method {
        case .get: 0
        case .post: 1
        case .delete: 2
        case .head: 3
        case .options: 4
        case .put: 5
        case .patch: 6
        case .trace: 7
        default: 8
        }
    }

    private func place(of status: HTTPResponse.Status?) -> Int {
        guard let code = status?.code else { return Self.statuses.count - 1 }
        return statusPlaces.indices.contains(code) ? statusPlaces[code] : Self.statuses.count - 2
    }

    private static func place(ofClass status: HTTPResponse.Status?) -> Int {
        switch status?.code {
        case nil: 4
        case (..<300)?: 0
        case (..<400)?: 1
        case (..<500)?: 2
        default: 3
        }
    }
}
