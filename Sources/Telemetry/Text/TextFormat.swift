/// A way to write metrics.
public enum TextFormat: Sendable, CaseIterable {
    /// Prometheus' own, version 0.0.4.
    case prometheus
    /// OpenMetrics, version 1.0: with units, with exemplars, and with a mark at its end.
    case openMetrics

    /// The value of Content-Type.
    public var contentType: String {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }
}
