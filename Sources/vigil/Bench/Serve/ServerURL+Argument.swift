import HTTPClient

extension ServerURL {
    /// Reads the argument of a command; throws what is wrong with it.
    init(_ text: String) throws {
        do throws(ServerURLError) { try self.init(parsing: text) } catch {
            throw Failure(.usage, "URL '\(text.prefix(200))': \(error); expected http://HOST:PORT or https://HOST:PORT")
        }
    }
}
