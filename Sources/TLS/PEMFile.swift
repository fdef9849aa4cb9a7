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
    func privateKey() throws(TLSError) -> PrivateKey {
        ErrorQueue.clear()
        var wasAsked = false
        let key = withBIO { bio in
            withUnsafeMutablePointer(to: &wasAsked) { asked in
                // Sound: the callback runs only within this call, while `asked` points to a Bool.
                PEM_read_bio_PrivateKey(
                    bio, nil,
                    { _, _, _, asked in
                        asked?.assumingMemoryBound(to: Bool.self).pointee = true
                        return -1
                    }, asked)
            }
        }
        defer { ErrorQueue.clear() }
        if let key { return PrivateKey(owning: key) }
        if wasAsked { throw .encryptedKey(path: path) }
        throw .unexpectedContent(path: path, expected: "a private key")
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
