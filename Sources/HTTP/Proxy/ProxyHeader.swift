import Logging
import Platform

/// What a PROXY header says of the connection that it stands before.
enum ProxyHeader: Equatable {
    /// The proxy speaks for itself, or does not know for whom: the socket's own address stands.
    case own
    case client(SocketAddress)
}

/// A PROXY header that can't be read; the connection is closed, as nothing is known about it.
struct ProxyHeaderError: Error, Equatable, CustomStringConvertible {
    /// What was wrong, and what was expected.
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Reads the PROXY protocol's header, version 1 (text) or 2 (binary), as its bytes come.
///
/// It never takes a byte of what follows the header, be that HTTP or TLS: `wanted` says how many may be its own.
struct ProxyHeaderReader {
    /// The bytes that version 2 begins with.
    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]
    private static let fixedLength = 16
    /// The longest line of version 1, CR LF included.
    private static let longestLine = 107
    /// What may follow the addresses of version 2.
    static let mostExtensionBytes = 4 << 10

    private var bytes: [UInt8] = []

    /// Whether its first byte has come.
    var hasBegun: Bool { !bytes.isEmpty }

    /// How many bytes may be looked at next; all of them are taken but for what follows a line's end.
    var wanted: Int {
        guard let first = bytes.first, first == Self.signature[0] else { return Self.longestLine - bytes.count }
        guard bytes.count >= Self.fixedLength else { return Self.fixedLength - bytes.count }
        return Self.fixedLength + length - bytes.count
    }

    /// How many bytes version 2 announces behind its first sixteen.
    private var length: Int { Int(bytes[14]) << 8 | Int(bytes[15]) }

    /// Reads on.
    ///
    /// - Parameter input: at most `wanted` bytes.
    /// - Returns: how many of them were taken, and the header once it is whole.
    mutating func read(_ input: Span<UInt8>) throws(ProxyHeaderError) -> (taken: Int, header: ProxyHeader?) {
        var taken = 0
        while taken < input.count {
            bytes.append(input[taken])
            taken += 1
            if bytes[0] == Self.signature[0] {
                if let header = try readBinary() { return (taken, header) }
            } else if let header = try readLine() {
                return (taken, header)
            }
        }
        return (taken, nil)
    }

    private func readBinary() throws(ProxyHeaderError) -> ProxyHeader? {
        let last = bytes.count - 1
        if last < Self.signature.count {
            guard bytes[last] == Self.signature[last] else { throw Self.noHeader }
            return nil
        }
        if bytes.count < Self.fixedLength { return nil }
        let layout = try ProxyAddressLayout(versionAndCommand: bytes[12], family: bytes[13])
        guard length >= layout.length else { throw ProxyHeaderError("its addresses are shorter than their family's") }
        guard length - layout.length <= Self.mostExtensionBytes else {
            throw ProxyHeaderError("it has more than \(Self.mostExtensionBytes) bytes behind its addresses")
        }
        guard bytes.count == Self.fixedLength + length else { return nil }
        let content = bytes[Self.fixedLength...]
        if layout.length > 0 { try Self.checkExtensions(content.dropFirst(layout.length)) }
        return layout.header(content)
    }

    /// A type, a length of two bytes, and as many bytes, one after the other up to the end.
    private static func checkExtensions(_ bytes: ArraySlice<UInt8>) throws(ProxyHeaderError) {
        var rest = bytes
        while !rest.isEmpty {
            let start = rest.startIndex
            guard rest.count >= 3 else { throw ProxyHeaderError("an extension is cut off") }
            let length = Int(rest[start + 1]) << 8 | Int(rest[start + 2])
            guard rest.count - 3 >= length else { throw ProxyHeaderError("an extension is cut off") }
            rest = rest.dropFirst(3 + length)
        }
    }

    private static let noHeader = ProxyHeaderError("it does not begin with a PROXY header")
}

extension ProxyHeaderReader {
    private static let name = Array("PROXY ".utf8)

    private func readLine() throws(ProxyHeaderError) -> ProxyHeader? {
        let last = bytes.count - 1
        if last < Self.name.count {
            guard bytes[last] == Self.name[last] else { throw Self.noHeader }
            return nil
        }
        guard bytes[last] == ASCII.lineFeed else {
            guard bytes.count < Self.longestLine else {
                throw ProxyHeaderError("its line is longer than \(Self.longestLine) bytes")
            }
            return nil
        }
        guard bytes[last - 1] == ASCII.carriageReturn else {
            throw ProxyHeaderError("its line does not end with CR LF")
        }
        let words = bytes[Self.name.count..<(last - 1)]
            .split(separator: ASCII.space, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        if words.first == "UNKNOWN" { return .own }
        guard words.count == 5, words[0] == "TCP4" || words[0] == "TCP6", let source = Self.address(words[1], words[0]),
            Self.address(words[2], words[0]) != nil, let port = Self.port(words[3]), Self.port(words[4]) != nil
        else { throw ProxyHeaderError("its line is not TCP4 or TCP6, two addresses and two ports") }
        return .client(SocketAddress(source, port: port))
    }

    private static func address(_ text: String, _ family: String) -> IPAddress? {
        text.contains(":") == (family == "TCP6") ? IPAddress(text) : nil
    }

    private static func port(_ text: String) -> UInt16? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy(ASCII.isDigit),
            text.utf8.count == 1 || text.utf8.first != ASCII.zero
        else { return nil }
        return UInt16(text)
    }
}

/// Where version 2 has its addresses.
private struct ProxyAddressLayout {
    private enum Family { case own, four, six, unix }

    private let family: Family

    init(versionAndCommand: UInt8, family: UInt8) throws(ProxyHeaderError) {
        guard versionAndCommand >> 4 == 2 else { throw ProxyHeaderError("its version is not 2") }
        guard versionAndCommand & 0x0F <= 1 else { throw ProxyHeaderError("its command is neither LOCAL nor PROXY") }
        guard family & 0x0F <= 2 else { throw ProxyHeaderError("its transport is neither a stream nor datagrams") }
        let isLocal = versionAndCommand & 0x0F == 0
        switch family >> 4 {
        case 0...3 where isLocal, 0: self.family = .own
        case 1: self.family = .four
        case 2: self.family = .six
        case 3: self.family = .unix
        default: throw ProxyHeaderError("its family of addresses is not known")
        }
    }

    /// Bytes of both addresses and ports; none where they are not looked at.
    var length: Int {
        switch family {
        case .own: 0
        case .four: 12
        case .six: 36
        case .unix: 216
        }
    }

    /// What the bytes behind the first sixteen, at least `length`, say.
    func header(_ bytes: ArraySlice<UInt8>) -> ProxyHeader {
        let size = family == .four ? 4 : 16
        switch family {
        case .own: return .own
        case .unix: return .client(.unknown)
        case .four, .six:
            let ports = bytes.dropFirst(2 * size)
            let port = ports.prefix(2).reduce(0) { $0 << 8 | UInt16($1) }
            guard let ip = IPAddress(networkBytes: bytes.prefix(size)) else { return .own }
            return .client(SocketAddress(ip, port: port))
        }
    }
}

/// The PROXY header, which comes before TLS and HTTP and of which they must not lose a byte.
extension ConnectionState {
    /// How many bytes may be looked at for the header; 0 where none is awaited.
    var awaitedProxyBytes: Int {
        guard case .proxyHeader(let reader) = phase else { return 0 }
        return reader.wanted
    }

    /// Reads on in the header.
    ///
    /// - Parameter input: at most ``awaitedProxyBytes`` bytes, which stay where they are until they are taken
    /// - Returns: how many of them were taken, and the header once it is whole; what comes next is then the next phase's
    mutating func readProxyHeader(
        _ input: Span<UInt8>, now: MonotonicTime
    ) throws(ProxyHeaderError) -> (taken: Int, header: ProxyHeader?) {
        guard case .proxyHeader(var reader) = phase else { return (0, nil) }
        let read = try reader.read(input)
        guard let header = read.header else {
            phase = .proxyHeader(reader)
            return read
        }
        if case .client(let address) = header { remote = address }
        skipProxyHeader(now: now)
        return read
    }

    /// The input ended within the header. Load balancers look whether somebody listens by connections without a byte.
    func proxyHeaderEnded() -> Action {
        guard case .proxyHeader(let reader) = phase, reader.hasBegun else { return .close }
        return .distrust(ProxyHeaderError("it ended before its header did"))
    }

    /// Goes on without waiting for a header.
    mutating func skipProxyHeader(now: MonotonicTime) {
        phase = afterProxyHeader
        idleSince = now
    }
}

extension Connection {
    /// Reads what there is of the PROXY header, and not a byte more: TLS or HTTP begins right behind it.
    ///
    /// - Returns: whether it is whole.
    func readProxyHeader() -> Bool {
        while isOpen, state.awaitedProxyBytes > 0 {
            var piece = [UInt8](repeating: 0, count: state.awaitedProxyBytes)
            let outcome = piece.withUnsafeMutableBytes { transport?.peek(into: $0) }
            if outcome == .wouldBlock { return false }
            guard case .moved(let count) = outcome, count > 0 else {
                perform(state.proxyHeaderEnded(), [UInt8]().span)
                return false
            }
            do throws(ProxyHeaderError) {
                let (taken, header) = try state.readProxyHeader(piece.span.extracting(..<count), now: loop.now)
                _ = piece.withUnsafeMutableBytes { transport?.receive(into: .init(rebasing: $0[..<taken])) }
                if case .client(let address) = header { admit(address) }
            } catch {
                distrust(error)
            }
        }
        return isOpen
    }

    private func admit(_ address: SocketAddress) {
        switch loop.context.count(address, in: &share) {
        case .admitted: break
        case .refused: refusal = .tooManyConnectionsOfAddress
        case .dropped:
            loop.counters.dropped.add(1, ordering: .relaxed)
            close()
        }
    }

    /// Lets go of a connection that its proxy has not said anything good of.
    func distrust(_ error: ProxyHeaderError) {
        loop.logger.warning(
            "a connection of a trusted proxy was closed", metadata: ["proxy": "\(peer)", "reason": "\(error)"])
        close()
    }
}
