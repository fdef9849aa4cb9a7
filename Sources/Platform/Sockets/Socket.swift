/// A non-blocking socket, closed when it goes out of scope.
package struct Socket: ~Copyable {
    /// What came of reading or writing.
    package enum Outcome: Equatable {
        /// So many bytes; 0 when reading means that the other side has ended.
        case moved(Int)
        case wouldBlock
        case failed(errno: Int32)
    }

    /// How many segments one call sends.
    package static let segmentsPerCall = 16

    /// The system's number.
    package let descriptor: Int32

    /// Takes over an open descriptor.
    package init(owning descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// A new TCP socket, closed on exec; nil with `errno` set where there is none to be had.
    package static func stream(family: Int32) -> Socket? {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, kind, 0)
        return descriptor >= 0 ? Socket(owning: descriptor) : nil
    }

    /// Reads what is there, up to the room in `buffer`.
    package borrowing func receive(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        outcome { recv(descriptor, buffer.baseAddress, buffer.count, 0) }
    }

    /// Reads what is there and leaves it there.
    package borrowing func peek(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        outcome { recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_PEEK)) }
    }

    /// Writes the beginning of `bytes`; another side that is gone is an error, never a signal.
    package borrowing func transmit(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        outcome { send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
    }

    /// What came of waiting.
    package enum Readiness: Equatable {
        /// There is something to read or room to write, or the socket is broken.
        case ready
        /// The deadline came first.
        case late
        case failed(errno: Int32)
    }

    /// Blocks the thread until the socket is ready for an event of poll(2), or broken.
    package borrowing func wait(for event: Int32, by deadline: Deadline) -> Readiness {
        var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        while true {
            let count = poll(&entry, 1, deadline.milliseconds)
            if count > 0 { return .ready }
            if count == 0, deadline.milliseconds == 0 { return .late }
            if count == 0 { continue }
            guard errno == EINTR else { return .failed(errno: errno) }
        }
    }

    /// Writes segments by one call; a client that is gone is an error, never a signal.
    package borrowing func transmit(_ segments: ArraySlice<[UInt8]>, skipping sent: Int) -> Outcome {
        if segments.count == 1, let only = segments.first {
            return only.withUnsafeBytes { bytes in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
                return outcome { send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL)) }
            }
        }
        return sendVectors(segments, skipping: sent)
    }

    private borrowing func sendVectors(_ segments: ArraySlice<[UInt8]>, skipping sent: Int) -> Outcome {
        // Nests one scope a segment, so that each pointer is used only while its array is held.
        func collect(
            _ rest: ArraySlice<[UInt8]>, _ vectors: inout [iovec], _ skip: Int, _ body: (inout [iovec]) -> Outcome
        ) -> Outcome {
            guard let first = rest.first else { return body(&vectors) }
            return first.withUnsafeBytes { bytes in
                let part = UnsafeRawBufferPointer(rebasing: bytes[skip...])
                vectors.append(
                    iovec(iov_base: UnsafeMutableRawPointer(mutating: part.baseAddress), iov_len: part.count))
                return collect(rest.dropFirst(), &vectors, 0, body)
            }
        }
        var vectors: [iovec] = []
        return collect(segments, &vectors, sent) { vectors in
            vectors.withUnsafeMutableBufferPointer { buffer in
                var message = msghdr()
                message.msg_iov = buffer.baseAddress
                message.msg_iovlen = numericCast(buffer.count)
                return outcome { sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL)) }
            }
        }
    }

    private borrowing func outcome(_ call: () -> Int) -> Outcome {
        while true {
            let count = call()
            if count >= 0 { return .moved(count) }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            case let code: return .failed(errno: code)
            }
        }
    }

    /// Ends our side; the other one may still be read.
    package borrowing func endSending() {
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Sends small answers at once rather than wait for more.
    package borrowing func disableDelay() {
        setOption(Int32(IPPROTO_TCP), TCP_NODELAY)
    }

    @discardableResult
    package borrowing func setOption(_ level: Int32, _ option: Int32) -> Bool {
        var on: Int32 = 1
        return setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size)) == 0
    }
}
