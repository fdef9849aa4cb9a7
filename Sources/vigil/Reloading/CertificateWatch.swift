import Jobs
import Logging
import Platform
import TLS

/// Tells the log which certificate is served, how long it is valid, and when another takes its place.
struct CertificateWatch {
    private static let hour = Duration.seconds(3_600)
    static let daysOfWarning = 14

    private let credentials: TLSCredentials
    private let logger: Logger

    init(_ credentials: TLSCredentials, logger: Logger) {
        self.credentials = credentials
        self.logger = logger
    }

    /// Reports the certificate, and warns each day of one that ends soon, until the task is cancelled.
    func run() async {
        report(credentials.context.certificate, "certificate")
        var reportedDay = Self.now / 86_400
        await SystemClock().every(Self.hour) {
            let today = Self.now / 86_400
            if today != reportedDay { warn(credentials.context.certificate) }
            reportedDay = today
        }
    }

    /// Tells the log of a certificate, and warns where it ends soon.
    func report(_ certificate: CertificateSummary, _ event: Logger.Message) {
        logger.info(
            event, metadata: ["subject": "\(certificate.subject)", "not_after": "\(certificate.expiryText)"])
        warn(certificate)
    }

    private func warn(_ certificate: CertificateSummary) {
        let days = certificate.daysLeft(at: Self.now)
        guard days < Self.daysOfWarning else { return }
        logger.warning(
            days < 0 ? "the certificate has expired" : "the certificate expires soon",
            metadata: [
                "subject": "\(certificate.subject)", "not_after": "\(certificate.expiryText)", "days": "\(days)",
            ])
    }

    private static var now: Int { Int(time(nil)) }
}
