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
