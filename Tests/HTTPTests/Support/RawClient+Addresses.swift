import Platform
import TestSupport

@testable import HTTP

extension RawClient {
    /// Connects to where a server listens.
    convenience init(to address: ListenAddress, receiveBuffer: Int32? = nil) throws {
        switch address {
        case .internet(let address): try self.init(to: address.storage(), receiveBuffer: receiveBuffer)
        case .unix(let path): try self.init(to: UnixSocketPath.storage(path), receiveBuffer: receiveBuffer)
        case .passed: throw Failure("passed sockets have no address")
        }
    }
}
