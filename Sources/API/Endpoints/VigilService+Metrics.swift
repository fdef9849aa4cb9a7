import HTTP
import HTTPTypes
import Telemetry

/// `/metrics`: what Prometheus and others that speak its formats scrape.
extension VigilService {
    /// What `/metrics` shows, and what is to be told of each answer.
    ///
    /// - Parameter jobs: what has counted the jobs since the start; nil for what was here before, or a new one
    public func metrics(of jobs: JobTelemetry? = nil) -> MetricsPage {
        page.withLock { page in
            if let page, jobs == nil { return page }
            let requests = RequestTelemetry(
                routes: router().descriptions,
                problems: ProblemTypes(openAPI).all.filter { $0.status != nil }.map(\.name))
            let made = MetricsPage(
                scoring, jobs: jobs ?? JobTelemetry(), requests: requests, audit: settings.audit,
                tracer: settings.tracer
            ) { [weak self] in
                self?.isReady ?? false
            }
            page = made
            return made
        }
    }

    /// All metrics, in OpenMetrics where that is preferred. Whoever accepts neither gets Prometheus' text all the same: a
    /// scraper that can't read it says so better than a refusal would.
    func showMetrics(_ request: Request) async -> Response {
        let accepted = AcceptHeader(request.head.fields[.accept])
        let format = accepted.preferred(among: Self.formats.map(\.media)).flatMap { media in
            Self.formats.first { $0.media == media }?.format
        }
        let text = await metrics().text(
            as: format ?? .prometheus, namesKeys: keys == nil || request.seesDetails)
        return Response(
            status: .ok,
            fields: [
                .contentType: (format ?? .prometheus).contentType, .cacheControl: "no-store", .vary: "Accept",
            ], body: .bytes(text))
    }

    private static let formats = TextFormat.allCases.compactMap { format in
        MediaType(format.contentType).map { (media: $0, format: format) }
    }
}
