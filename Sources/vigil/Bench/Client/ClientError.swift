/// Why a request got no answer.
enum ClientError: Error, Equatable, CustomStringConvertible {
    /// There is nobody to connect to.
    case unreachable(String)
    /// The connection ended, or nothing came for too long, before the answer was whole.
    case broken(String)
    /// What came is not HTTP/1.1.
    case malformed(String)

    /// What went wrong, to follow the server's URL.
    var description: String {
        switch self {
        case .unreachable(let reason): "no connection: \(reason)"
        case .broken(let reason): "no answer: \(reason)"
        case .malformed(let reason): "the answer is not HTTP/1.1: \(reason)"
        }
    }
}
