import Logging
import TLS

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Reads the certificate again when its files change and on SIGHUP, and tells the log how long it is valid.
struct CertificateWatch {
    private static let pause = Duration.seconds(2)
    private static let daysOfWarning = 14

    private let credentials: TLSCredentials
    private let logger: Logger

    init(_ credentials: TLSCredentials, logger: Logger) {
        self.credentials = credentials
        self.logger = logger
    }

    /// Watches until the task is cancelled.
    func run() async {
        report(credentials.context.certificate, "certificate")
        await Reloading.run(watch: watchFiles) {
            attempt { () throws(TLSError) in try credentials.reload() }
        }
    }

    private func watchFiles() async {
        var reportedDay = Self.now / 86_400
        while (try? await Task.sleep(for: Self.pause)) != nil {
            attempt { () throws(TLSError) in try credentials.reloadIfChanged() }
            let today = Self.now / 86_400
            if today != reportedDay { warn(credentials.context.certificate) }
            reportedDay = today
        }
    }

    private func attempt(_ read: () throws(TLSError) -> CertificateSummary?) {
        do {
            if let certificate = try read() { report(certificate, "certificate replaced") }
        } catch {
            logger.error("the new certificate is not used, the one before stays", metadata: ["error": "\(error)"])
        }
    }

    private func report(_ certificate: CertificateSummary, _ event: Logger.Message) {
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
