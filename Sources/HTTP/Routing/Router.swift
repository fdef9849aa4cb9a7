public import HTTPTypes
import Platform

/// What answers a request.
public enum Handler: Sendable {
    /// Runs right on the event loop, once the whole request has been read and its body dropped. It must not block.
    case immediate(@Sendable (Request) throws -> Response)
    /// Runs as a task of its own.
    case deferred(Deferred)
}

/// A handler and what it was registered for: an object, since each request holds one.
public final class Route: Sendable {
    /// The pattern, such as `/jobs/{id}`; a good label for metrics.
    public let pattern: String
    /// The largest body that is taken, in bytes. Without one, a body is read and dropped before the handler runs.
    public let bodyLimit: Int?
    /// A sentence that tells whose body is larger what can be done about the limit.
    public let bodyHint: String?
    /// What is short where a body is larger, as ``HTTPProblem/shortage``.
    public let bodyShortage: String?
    /// Whether a client that ends its side of the connection, once all of its request has come, has gone, and its handler is
    /// cancelled. Otherwise it may still read, and is answered.
    public let endsWithInput: Bool
    /// Whether its handler knows the tags that If-Match and If-None-Match are about, and judges them itself.
    public let judgesPreconditions: Bool
    let handler: Handler

    init(
        pattern: String, bodyLimit: Int?, bodyHint: String? = nil, bodyShortage: String? = nil,
        endsWithInput: Bool = false, judgesPreconditions: Bool = false, handler: Handler
    ) {
        self.pattern = pattern
        self.bodyLimit = bodyLimit
        self.bodyHint = bodyHint
        self.bodyShortage = bodyShortage
        self.endsWithInput = endsWithInput
        self.judgesPreconditions = judgesPreconditions
        self.handler = handler
    }

    /// The same route with its handler behind `middleware`.
    func behind(_ middleware: [any Middleware]) -> Route {
        Route(
            pattern: pattern, bodyLimit: bodyLimit, bodyHint: bodyHint, bodyShortage: bodyShortage,
            endsWithInput: endsWithInput, judgesPreconditions: judgesPreconditions,
            handler: handler.behind(middleware, on: self))
    }
}

/// Finds the handler of a method and a path.
public struct Router: Sendable {
    private let middleware: [any Middleware]
    /// A sentence that tells who asks for an unknown path where to go.
    public var hint: String?
    private var methods: [HTTPRequest.Method] = []
    private var fixed: [ByteText: MethodTable] = [:]
    private var patterns: [(pattern: PathPattern, methods: MethodTable)] = []

    /// The method and the pattern of each route, those of fixed paths first; HEAD and OPTIONS go without saying.
    public var descriptions: [(method: HTTPRequest.Method, pattern: String)] {
        (fixed.sorted { $0.key.text < $1.key.text }.map(\.value) + patterns.map(\.methods)).flatMap(\.descriptions)
    }

    /// A router without routes, whose deferred handlers will stand behind `middleware`, the first one outermost.
    public init(through middleware: [any Middleware] = []) {
        self.middleware = middleware
    }

    /// Registers a handler. A pattern and method that are registered already, or a pattern that is not a path, are
    /// mistakes in the program and trap.
    ///
    /// - Parameters:
    ///   - method: the request's
    ///   - pattern: a path whose segments are text, or a name in braces that any one segment fits.
    ///   - bodyLimit: the largest body in bytes, for handlers that read it.
    ///   - bodyHint: a sentence that tells whose body is larger what can be done about the limit.
    ///   - bodyShortage: what is short then, where the limit is one of what the server has.
    ///   - endsWithInput: whether a client that ends its side has gone, as ``Route/endsWithInput``.
    ///   - judgesPreconditions: whether the handler does, as ``Route/judgesPreconditions``.
    ///   - handler: answers
    public mutating func on(
        _ method: HTTPRequest.Method, _ pattern: String, bodyLimit: Int? = nil, bodyHint: String? = nil,
        bodyShortage: String? = nil, endsWithInput: Bool = false, judgesPreconditions: Bool = false,
        _ handler: Handler
    ) {
        let route = Route(
            pattern: pattern, bodyLimit: bodyLimit, bodyHint: bodyHint, bodyShortage: bodyShortage,
            endsWithInput: endsWithInput, judgesPreconditions: judgesPreconditions, handler: handler
        ).behind(middleware)
        methods.append(method)
        let parsed = PathPattern(pattern)
        if parsed.isFixed {
            fixed[ByteText(pattern), default: MethodTable()].add(method, route)
        } else if let index = patterns.firstIndex(where: { $0.pattern == parsed }) {
            patterns[index].methods.add(method, route)
        } else {
            var methods = MethodTable()
            methods.add(method, route)
            patterns.append((parsed, methods))
        }
    }

    /// Registers a handler of GET, which answers HEAD too.
    public mutating func get(_ pattern: String, _ handler: Handler) {
        on(.get, pattern, handler)
    }

    /// Registers a handler of POST.
    public mutating func post(
        _ pattern: String, bodyLimit: Int, bodyHint: String? = nil, bodyShortage: String? = nil,
        endsWithInput: Bool = false, _ handler: Handler
    ) {
        on(
            .post, pattern, bodyLimit: bodyLimit, bodyHint: bodyHint, bodyShortage: bodyShortage,
            endsWithInput: endsWithInput, handler)
    }

    /// Registers a handler of DELETE.
    public mutating func delete(_ pattern: String, judgesPreconditions: Bool = false, _ handler: Handler) {
        on(.delete, pattern, judgesPreconditions: judgesPreconditions, handler)
    }

    /// What to do with a request.
    enum Resolution {
        case route(Route, PathParameters)
        case options(allow: String)
        /// The pattern is that of the route that would have been taken.
        case refused(HTTPProblem, pattern: String? = nil)
    }

    func resolve(_ head: RequestHead) -> Resolution {
        guard Self.knownMethods.contains(head.method.rawValue) else {
            return .refused(.methodNotImplemented(head.method.rawValue))
        }
        if head.path == "*" { return .options(allow: MethodTable.allow(for: methods)) }
        guard let (methods, parameters) = find(head.path) else {
            // What HAProxy asks a server unless it is told otherwise; the root stands for the server there.
            if head.path == "/", head.method == .options {
                return .options(allow: MethodTable.allow(for: self.methods))
            }
            return .refused(.notFound(head.path, hint: hint))
        }
        if let route = methods[head.method] {
            if let problem = Self.unmet(head, route, in: methods) { return .refused(problem, pattern: route.pattern) }
            return .route(route, parameters)
        }
        if head.method == .options { return .options(allow: methods.allow) }
        return .refused(.methodNotAllowed(head.method, path: head.path, allow: methods.allow))
    }

    /// Why a request that would change something is not performed: If-Match or If-None-Match does not hold, of what has no tag
    /// where it can be read, and of nothing where it can't (RFC 9110, 13.1). Nil where they hold, or are not judged here.
    private static func unmet(_ head: RequestHead, _ route: Route, in methods: MethodTable) -> HTTPProblem? {
        guard !route.judgesPreconditions, head.method != .get, head.method != .head else { return nil }
        let preconditions = Preconditions(head.fields)
        guard !preconditions.isEmpty else { return nil }
        do throws(HTTPProblem) {
            _ = try preconditions.check(head.method, on: methods[.get] == nil ? nil : [])
            return nil
        } catch { return error }
    }

    /// The pattern of the route that a request would go by; nil where there is none.
    public func pattern(of head: RequestHead) -> String? {
        switch resolve(head) {
        case .route(let route, _): route.pattern
        case .refused(_, let pattern): pattern
        case .options: nil
        }
    }

    private static let knownMethods = ["GET", "POST", "HEAD", "DELETE", "OPTIONS", "PUT", "PATCH", "TRACE", "QUERY"]

    private func find(_ path: String) -> (MethodTable, PathParameters)? {
        if let methods = fixed[path] { return (methods, PathParameters()) }
        for (pattern, methods) in patterns {
            if let parameters = pattern.match(path) { return (methods, parameters) }
        }
        return nil
    }
}

/// The routes of one path, by method.
private struct MethodTable: Sendable {
    var descriptions: [(method: HTTPRequest.Method, pattern: String)] {
        routes.map { ($0.method, $0.route.pattern) }
    }

    private var routes: [(method: HTTPRequest.Method, route: Route)] = []
    /// The value of Allow.
    private(set) var allow = "OPTIONS"

    subscript(method: HTTPRequest.Method) -> Route? {
        let wanted = method == .head && !routes.contains { $0.method == .head } ? .get : method
        return routes.first { $0.method == wanted }?.route
    }

    mutating func add(_ method: HTTPRequest.Method, _ route: Route) {
        precondition(!routes.contains { $0.method == method }, "\(method) \(route.pattern) is registered twice")
        routes.append((method, route))
        allow = Self.allow(for: routes.map(\.method))
    }

    /// The value of Allow for these methods, and those that come with them.
    static func allow(for methods: [HTTPRequest.Method]) -> String {
        var names = Set(methods.map(\.rawValue))
        if names.contains("GET") { names.insert("HEAD") }
        names.insert("OPTIONS")
        return names.sorted().joined(separator: ", ")
    }
}

/// A path with names in braces for some of its segments.
struct PathPattern: Sendable, Equatable {
    private enum Segment: Equatable {
        case text(String)
        case name(String)
    }

    private let segments: [Segment]

    /// Whether there are no names in it, so that only one path fits.
    var isFixed: Bool {
        segments.allSatisfy {
            if case .text = $0 { true } else { false }
        }
    }

    /// Reads a pattern of the program's own; traps where it does not begin with a slash or has a brace out of place.
    init(_ pattern: String) {
        precondition(pattern.begins(with: "/"), "the route \(pattern) does not begin with a slash")
        segments = pattern.pieces(between: ASCII.slash).dropFirst().map { segment in
            if segment.begins(with: "{"), segment.ends(with: "}"), segment.count > 2 {
                return .name(String(segment.dropFirst().dropLast()))
            }
            precondition(!segment.contains("{") && !segment.contains("}"), "a brace is out of place in \(pattern)")
            return .text(String(segment))
        }
    }

    /// The values of the names, nil where the path does not fit. An empty segment fits no name.
    func match(_ path: String) -> PathParameters? {
        // By bytes: to Swift a slash with a mark above it is another character.
        let parts = path.utf8.split(separator: ASCII.slash, omittingEmptySubsequences: false).dropFirst()
        guard parts.count == segments.count else { return nil }
        var pairs: [(name: String, value: String)] = []
        for (segment, part) in zip(segments, parts) {
            switch segment {
            case .text(let text):
                guard text.utf8.elementsEqual(part) else { return nil }
            case .name(let name):
                guard !part.isEmpty else { return nil }
                pairs.append((name, String(Substring(part))))
            }
        }
        return PathParameters(pairs)
    }
}

/// Something that requests go through on their way to a deferred handler, and answers on their way back.
///
/// Immediate handlers are not wrapped: they run on the event loop, and their answers are small.
public protocol Middleware: Sendable {
    /// Answers in place of `handler`, mostly by calling it with the request or a changed one.
    func answer(_ request: Request, on route: Route, by handler: Handler.Deferred) async throws -> Response
}

extension Handler {
    /// A handler that runs as a task of its own.
    public typealias Deferred = @Sendable (Request) async throws -> Response

    /// The same handler behind `middleware`, the first one outermost.
    func behind(_ middleware: [any Middleware], on route: Route) -> Handler {
        middleware.reversed().reduce(self) { handler, middleware in
            guard case .deferred(let inner) = handler else { return handler }
            return .deferred { try await middleware.answer($0, on: route, by: inner) }
        }
    }
}
