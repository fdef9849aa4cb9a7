import COpenSSL
import Platform

/// OpenSSL's way to a non-blocking socket.
///
/// OpenSSL's own writes with write(2), which ends the process by SIGPIPE where the client is gone; this one sends with
/// MSG_NOSIGNAL. Sound: a BIO's data is the descriptor's number dressed as a pointer, which is never followed; whoever
/// makes the BIO frees it before the descriptor is closed.
enum SocketBIO {
    /// The table of functions; made once and never freed. Sound: nobody writes to it afterwards.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "vigil socket")
        BIO_meth_set_write(method) { bio, bytes, count in
            SocketBIO.move(bio, retry: BIO_FLAGS_WRITE) { send($0, bytes, Int(count), Int32(MSG_NOSIGNAL)) }
        }
        BIO_meth_set_read(method) { bio, bytes, count in
            let moved = SocketBIO.move(bio, retry: BIO_FLAGS_READ) { recv($0, bytes, Int(count), 0) }
            if moved == 0, count > 0 { BIO_set_flags(bio, BIO_FLAGS_IN_EOF) }
            return moved
        }
        BIO_meth_set_ctrl(method) { bio, command, _, _ in
            switch command {
            case BIO_CTRL_FLUSH: 1
            case BIO_CTRL_EOF: BIO_test_flags(bio, BIO_FLAGS_IN_EOF) == 0 ? 0 : 1
            default: 0
            }
        }
        return method
    }()

    /// A BIO for a socket that outlives it; nil where there is no memory.
    static func make(descriptor: Int32) -> OpaquePointer? {
        guard let method, let bio = BIO_new(method) else { return nil }
        BIO_set_data(bio, UnsafeMutableRawPointer(bitPattern: Int(descriptor)))
        BIO_set_init(bio, 1)
        return bio
    }

    private static func move(_ bio: OpaquePointer?, retry direction: Int32, _ call: (Int32) -> Int) -> Int32 {
        BIO_clear_flags(bio, vigil_bio_flags)
        let descriptor = Int32(Int(bitPattern: BIO_get_data(bio)))
        while true {
            let moved = call(descriptor)
            if moved >= 0 { return Int32(moved) }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                BIO_set_flags(bio, direction | BIO_FLAGS_SHOULD_RETRY)
                return -1
            default: return -1
            }
        }
    }
}
