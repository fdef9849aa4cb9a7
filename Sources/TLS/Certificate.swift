import COpenSSL
import Platform

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
