import COpenSSL
import Platform

/// A small file of certificates or a key, read whole.
struct PEMFile {
    private static let maxBytes = 4 << 20

    let path: String
    private let bytes: [UInt8]

    init(_ path: String) throws(TLSError) {
        self.path = path
        do throws(SmallFile.Failure) { bytes = try SmallFile(path, maxBytes: Self.maxBytes).bytes } catch {
            throw .unreadable(path: path, reason: error.reason)
        }
    }

    /// All certificates, in the order of the file.
    func certificates() throws(TLSError) -> [Certificate] {
        ErrorQueue.clear()
        let (found, isWhole) = withBIO { bio in
            var found: [Certificate] = []
            while let certificate = PEM_read_bio_X509_AUX(bio, nil, nil, nil) {
                found.append(Certificate(owning: certificate))
            }
            return (found, vigil_is_end_of_pem() != 0)
        }
        guard isWhole else { throw .unsuitable(path: path, reason: ErrorQueue.takeReason()) }
        ErrorQueue.clear()
        guard !found.isEmpty else { throw .unexpectedContent(path: path, expected: "a certificate") }
        return found
    }

    /// The first private key.
    ///
    /// - Parameter passphrase: what it is encrypted with, where it is
    func privateKey(passphrase: [UInt8]? = nil) throws(TLSError) -> PrivateKey {
        ErrorQueue.clear()
        var question = Question(passphrase: passphrase)
        let key = withBIO { bio in
            withUnsafeMutablePointer(to: &question) { question in
                // Sound: the callback runs only within this call, while `question` points to one.
                PEM_read_bio_PrivateKey(
                    bio, nil,
                    { buffer, size, _, question in
                        guard let question = question?.assumingMemoryBound(to: Question.self) else { return -1 }
                        return question.pointee.answer(UnsafeMutableRawBufferPointer(start: buffer, count: Int(size)))
                    }, question)
            }
        }
        defer { ErrorQueue.clear() }
        if let key { return PrivateKey(owning: key) }
        if question.wasAsked { throw passphrase == nil ? .encryptedKey(path: path) : .wrongPassphrase(path: path) }
        throw .unexpectedContent(path: path, expected: "a private key")
    }

    /// What OpenSSL asks where a key is encrypted.
    private struct Question {
        let passphrase: [UInt8]?
        var wasAsked = false

        /// Puts the passphrase into OpenSSL's buffer: how long it is, or -1 where there is none that fits.
        mutating func answer(_ buffer: UnsafeMutableRawBufferPointer) -> Int32 {
            wasAsked = true
            guard let passphrase, passphrase.count <= buffer.count else { return -1 }
            buffer.copyBytes(from: passphrase)
            return Int32(passphrase.count)
        }
    }

    /// Lends the bytes to OpenSSL as something to read from.
    private func withBIO<Result>(_ body: (OpaquePointer?) -> Result) -> Result {
        bytes.withUnsafeBytes { buffer in
            // Sound: a memory BIO made so only reads, and is gone before the bytes are.
            let bio = BIO_new_mem_buf(buffer.baseAddress ?? UnsafeRawPointer(bitPattern: 1), Int32(buffer.count))
            defer { BIO_free(bio) }
            return body(bio)
        }
    }
}

/// A private key of OpenSSL's.
final class PrivateKey {
    let key: OpaquePointer

    /// Takes over a reference.
    init(owning key: OpaquePointer) {
        self.key = key
    }

    deinit {
        EVP_PKEY_free(key)
    }
}

/// A certificate of OpenSSL's.
final class Certificate {
    let x509: OpaquePointer

    /// Takes over a reference.
    init(owning x509: OpaquePointer) {
        self.x509 = x509
    }

    deinit {
        X509_free(x509)
    }

    /// What people want to know of it.
    var summary: CertificateSummary {
        CertificateSummary(subject: subject, expiry: expiry)
    }

    /// As RFC 4514 writes names, such as `CN=camera-7,O=Example`; control characters are escaped.
    private var subject: String {
        let bio = BIO_new(BIO_s_mem())
        defer { BIO_free(bio) }
        X509_NAME_print_ex(bio, X509_get_subject_name(x509), 0, vigil_name_flags)
        let count = BIO_ctrl_pending(bio)
        return String(unsafeUninitializedCapacity: count) { buffer in
            max(0, Int(BIO_read(bio, buffer.baseAddress, Int32(clamping: buffer.count))))
        }
    }

    /// The end of its time, in seconds since 1970.
    private var expiry: Int {
        var time = tm()
        guard ASN1_TIME_to_tm(X509_get0_notAfter(x509), &time) == 1 else { return 0 }
        return timegm(&time)
    }
}

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
        let date = [
            String(Int(parts.tm_year) + 1900, digits: 4), String(Int(parts.tm_mon) + 1, digits: 2),
            String(Int(parts.tm_mday), digits: 2),
        ]
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { String(Int($0), digits: 2) }
        return date.joined(separator: "-") + "T" + clock.joined(separator: ":") + "Z"
    }

    /// How long it is still valid, in whole days; negative once it is not.
    public func daysLeft(at now: Int) -> Int {
        Int((Double(expiry - now) / 86_400).rounded(.down))
    }
}
