public import HTTPTypes

/// What comes before the router: lets a request in under a client's name, or refuses it.
///
/// It is asked once the head is there, before the body is read, before 100 Continue, and whether or not there is
/// anything at the path. It is called on event loops and must not block; it throws the `HTTPProblem` to answer with.
public typealias RequestGate = @Sendable (RequestHead, SocketAddress) throws(HTTPProblem) -> Admission

/// A request that was let in.
public struct Admission: Sendable {
    /// Whom it counts for.
    public var client: ClientIdentity
    /// Fields that its answer gets where the handler does not set them.
    public var fields: HTTPFields

    /// Lets a request in.
    public init(client: ClientIdentity, fields: HTTPFields = [:]) {
        self.client = client
        self.fields = fields
    }
}
