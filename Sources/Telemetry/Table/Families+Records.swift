/// What the server writes down of what is done.
extension Family {
    /// The audit log, and traces.
    public static let records = [auditRecords, auditFailures, spans]

    /// What was to be in the audit log.
    public static let auditRecords = Family(
        "vigil_audit_records_total", .counter, labels: ["outcome"],
        "What was to be in the audit log, by outcome: written, refused as it could not be written, or missing in it.")
    /// When it was not to be written.
    public static let auditFailures = Family(
        "vigil_audit_failures_total", .counter,
        "Times that the audit log could not be written, or its disk did not answer.")
    /// What goes to a collector.
    public static let spans = Family(
        "vigil_trace_spans_total", .counter, labels: ["outcome"],
        "Recorded spans, by outcome: exported, failed at the collector, or dropped as too many were waiting.")

    /// What becomes of a line, of ``auditRecords``.
    public enum AuditOutcome: String, Sendable, CaseIterable { case written, refused, missing }

    /// What becomes of a span, of ``spans``.
    public enum SpanOutcome: String, Sendable, CaseIterable { case exported, failed, dropped }
}

/// The server's own places, which are told of segments.
extension Family {
    /// How that goes.
    public static let alertTries = Family(
        "vigil_alerts_total", .counter, labels: ["place", "outcome"],
        "Alerts by place and outcome: told, failed and tried again, refused by the place, or the rest of a job's given up."
    )
    /// What is left to tell.
    public static let alertsWaiting = Family(
        "vigil_alerts_waiting", .gauge, "Ended jobs that a place has still to be told of, counted for each place.")
    /// Who can't be told.
    public static let alertPlaces = Family(
        "vigil_alert_place_away", .gauge, labels: ["place"],
        "1 for a place of alerts that is away: it failed lately, or there is no connection to the broker; 0 for others, and for those that are not set."
    )

    /// Where alerts go, of ``alertTries``.
    public enum AlertPlace: String, Sendable, CaseIterable { case webhook, frigate, mqtt }

    /// What comes of one, of ``alertTries``.
    public enum AlertOutcome: String, Sendable, CaseIterable {
        case told, failed, refused
        case givenUp = "given-up"
    }
}
