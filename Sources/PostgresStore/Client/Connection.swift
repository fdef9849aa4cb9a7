#if Postgres
    import CPostgres
    import Platform

    /// One connection to PostgreSQL, which is one thread's at a time. It waits for the network by poll(2) with a deadline, so
    /// that a server that hangs holds a thread up for so long and no longer.
    ///
    /// Statements go in pipelines: all of one call are one transaction and one trip to the server. Nothing of the session is relied
    /// on, so that a pooler may give each call another session: statements that it keeps have names by their texts, and where one
    /// is not as it was left, which a pooler older than PgBouncer 1.21 brings about, none has a name from then on.
    final class Connection {
        /// A value larger than this is sent before the next one is copied.
        private static let largestUnsent = 1 << 18

        private let library: LibPQ
        private let handle: OpaquePointer
        private let notices: Notices
        /// Whether nothing can be done with it any more.
        private(set) var isBroken = false
        /// The names of the statements that the session keeps, by their texts.
        private var kept: [String: String] = [:]
        private let keeping: KeptStatements

        /// What an answer that is to come is of.
        private enum Expected {
            case rows
            /// That the session keeps this statement.
            case kept(sql: String, name: String)
        }

        /// What PostgreSQL says beside its answers, of which one word counts.
        private final class Notices {
            let library: LibPQ
            var isUnconfirmed = false

            init(_ library: LibPQ) { self.library = library }

            func hear(_ notice: OpaquePointer) {
                // By the function that says it: its words are in the database's language, and its condition is any warning's.
                guard let place = library.errorField(notice, CInt(UInt8(ascii: "R"))) else { return }
                if String(cString: place).hasBytes(of: "SyncRepWaitForLSN") { isUnconfirmed = true }
            }
        }

        /// Connects.
        ///
        /// - Parameter keeping: whether sessions keep statements, as all connections of a pool have found
        init(
            _ place: ConnectionPlace, keeping: KeptStatements, until deadline: Deadline
        ) throws(PostgresError) {
            let library = try LibPQ.shared.get()
            self.library = library
            self.keeping = keeping
            notices = Notices(library)
            let parameters = place.parameters
            let keys = parameters.map { strdup($0.name) } + [nil]
            let values = parameters.map { strdup($0.value) } + [nil]
            defer { for text in keys + values { free(text) } }
            let started = keys.map { UnsafePointer($0) }.withUnsafeBufferPointer { keys in
                values.map { UnsafePointer($0) }.withUnsafeBufferPointer { values in
                    library.connectStart(keys.baseAddress, values.baseAddress, 1)
                }
            }
            guard let started else { throw .unreachable("there is no memory for a connection", wasSent: false) }
            handle = started
            // From here on whatever fails ends in deinit.
            try connect(until: deadline)
            // It is ended before what it tells goes.
            let told = Unmanaged.passUnretained(notices).toOpaque()
            _ = library.setNoticeReceiver(
                handle,
                { told, notice in
                    guard let told, let notice else { return }
                    Unmanaged<Notices>.fromOpaque(told).takeUnretainedValue().hear(notice)
                }, told)
            guard library.setNonBlocking(handle, 1) == 0, library.enterPipeline(handle) == 1 else {
                throw failure(wasSent: false)
            }
        }

        deinit { close() }

        /// Ends the connection.
        func close() {
            guard !isClosed else { return }
            isClosed = true
            isBroken = true
            library.finish(handle)
        }

        private var isClosed = false

        /// Whether a commit is here though somebody ended its wait for the standby, which may not have it: since this was last
        /// set to false.
        var isUnconfirmed: Bool {
            get { notices.isUnconfirmed }
            set { notices.isUnconfirmed = newValue }
        }

        /// Where it is: its host, port and database.
        var place: String {
            func text(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }
            let host = text(UnsafePointer(library.host(handle)))
            let port = text(UnsafePointer(library.port(handle)))
            return "\(host):\(port)/\(text(UnsafePointer(library.database(handle))))"
        }

        /// The server's version, such as 150018.
        var serverVersion: Int { Int(library.serverVersion(handle)) }

        private func connect(until deadline: Deadline) throws(PostgresError) {
            guard library.status(handle) != CONNECTION_BAD else { throw failure(wasSent: false) }
            var isWriting = true
            while true {
                try wait(forWriting: isWriting, until: deadline, "to connect", wasSent: false)
                switch library.connectPoll(handle) {
                case PGRES_POLLING_OK: return
                case PGRES_POLLING_READING: isWriting = false
                case PGRES_POLLING_WRITING: isWriting = true
                default: throw failure(wasSent: false)
                }
            }
        }

        /// Learns of an end of the connection that came while nobody used it, so that nothing is sent into the void.
        func checkIdle() {
            // The server's last words come before the end.
            for _ in 0..<4 {
                var poll = pollfd(fd: library.socket(handle), events: Int16(POLLIN), revents: 0)
                guard Platform.poll(&poll, 1, 0) != 0 else { return }
                guard library.consumeInput(handle) == 1, library.status(handle) != CONNECTION_BAD else {
                    isBroken = true
                    return
                }
            }
        }

        /// Runs statements in one transaction, all of them or none.
        func run(_ statements: [Statement], until deadline: Deadline) throws(PostgresError) -> [Rows] {
            let keeps = keeping.areKept && statements.contains(where: \.isKept)
            do throws(PostgresError) { return try run(statements, keeps: keeps, until: deadline) } catch {
                // Nothing of it was done, as of every transaction that was refused.
                guard keeps, let state = error.state, PostgresError.keptStatement.contains(state) else { throw error }
                keeping.giveUp()
                return try run(statements, keeps: false, until: deadline)
            }
        }

        private func run(
            _ statements: [Statement], keeps: Bool, until deadline: Deadline
        ) throws(PostgresError) -> [Rows] {
            do throws(PostgresError) {
                var expected: [Expected] = []
                for statement in statements {
                    let name = keeps && statement.isKept ? try keep(statement, &expected) : nil
                    try send(statement, as: name, until: deadline)
                    expected.append(.rows)
                }
                guard library.pipelineSync(handle) == 1 else { throw failure(wasSent: true) }
                try flush(until: deadline)
                return try receive(expected, until: deadline)
            } catch {
                if error.endsConnection { isBroken = true }
                throw error
            }
        }

        /// Has the session keep a statement, unless it does so already; its name.
        private func keep(_ statement: Statement, _ expected: inout [Expected]) throws(PostgresError) -> String {
            if let name = kept[statement.sql] { return name }
            let name = KeptStatements.name(of: statement.sql)
            // One pipeline may have it many times.
            let isAsked = expected.contains { one in
                if case .kept(_, name) = one { true } else { false }
            }
            guard !isAsked else { return name }
            let types = statement.values.map { Oid($0.kind.rawValue) }
            guard library.prepare(handle, name, statement.sql, CInt(types.count), types) == 1 else {
                throw failure(wasSent: true)
            }
            expected.append(.kept(sql: statement.sql, name: name))
            return name
        }

        private func send(
            _ statement: Statement, as name: String?, until deadline: Deadline
        ) throws(PostgresError) {
            let count = CInt(statement.values.count)
            let formats = [CInt](repeating: 1, count: statement.values.count)
            let lengths = statement.values.map { CInt($0.bytes?.count ?? 0) }
            let sent = Self.withPointers(statement.values[...]) { pointers in
                if let name { return library.sendPrepared(handle, name, count, pointers, lengths, formats, 1) }
                let types = statement.values.map { Oid($0.kind.rawValue) }
                return library.send(handle, statement.sql, count, types, pointers, lengths, formats, 1)
            }
            guard sent == 1 else { throw failure(wasSent: true) }
            if statement.bytes > Self.largestUnsent { try flush(until: deadline) }
        }

        /// Calls `body` with where each value is, NULL for nil; nothing is copied.
        private static func withPointers(
            _ values: ArraySlice<Value>, _ pointers: [UnsafePointer<CChar>?] = [],
            _ body: ([UnsafePointer<CChar>?]) -> CInt
        ) -> CInt {
            guard let value = values.first else { return body(pointers) }
            guard let bytes = value.bytes else { return withPointers(values.dropFirst(), pointers + [nil], body) }
            return bytes.withUnsafeBytes { buffer in
                // An empty array has no address, which would be NULL.
                withUnsafePointer(to: CChar(0)) { nothing in
                    let start = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
                    return withPointers(
                        values.dropFirst(), pointers + [bytes.isEmpty ? nothing : start ?? nothing], body)
                }
            }
        }

        /// Sends what is to be sent. What comes meanwhile is taken in, since neither side may wait for the other.
        private func flush(until deadline: Deadline) throws(PostgresError) {
            while true {
                let left = library.flush(handle)
                if left == 0 { return }
                guard left == 1 else { throw failure(wasSent: true) }
                let isReadable = try wait(forWriting: true, until: deadline, "to send", wasSent: true)
                if isReadable, library.consumeInput(handle) != 1 { throw failure(wasSent: true) }
            }
        }

        private func receive(_ expected: [Expected], until deadline: Deadline) throws(PostgresError) -> [Rows] {
            var rows: [Rows] = []
            rows.reserveCapacity(expected.count)
            var refusal: PostgresError?
            var answers = 0
            while true {
                // Each statement's results end with none.
                guard let result = try next(until: deadline) else { continue }
                defer { library.clear(result) }
                switch library.resultStatus(result) {
                case PGRES_TUPLES_OK, PGRES_COMMAND_OK:
                    // What a session keeps it keeps also where the transaction comes to nothing.
                    if answers < expected.count, case .kept(let sql, let name) = expected[answers] {
                        kept[sql] = name
                    } else {
                        rows.append(read(result))
                    }
                    answers += 1
                case PGRES_PIPELINE_SYNC:
                    if let refusal { throw refusal }
                    guard answers == expected.count else {
                        throw .unreadable("\(answers) answers came to \(expected.count) statements")
                    }
                    return rows
                case PGRES_PIPELINE_ABORTED: answers += 1
                default:
                    answers += 1
                    refusal = refusal ?? self.refusal(result)
                }
            }
        }

        private func next(until deadline: Deadline) throws(PostgresError) -> OpaquePointer? {
            while library.isBusy(handle) == 1 {
                try wait(forWriting: false, until: deadline, "for an answer", wasSent: true)
                guard library.consumeInput(handle) == 1 else { throw failure(wasSent: true) }
            }
            let result = library.getResult(handle)
            if result == nil, library.status(handle) == CONNECTION_BAD { throw failure(wasSent: true) }
            return result
        }

        private func read(_ result: OpaquePointer) -> Rows {
            let (height, width) = (library.rows(result), library.columns(result))
            var values: [[UInt8]?] = []
            values.reserveCapacity(Int(height * width))
            for row in 0..<height {
                for column in 0..<width {
                    guard library.isNull(result, row, column) == 0, let start = library.value(result, row, column)
                    else {
                        values.append(nil)
                        continue
                    }
                    let length = Int(library.length(result, row, column))
                    values.append(Array(UnsafeRawBufferPointer(start: start, count: length)))
                }
            }
            let affected = library.affected(result).map { String(cString: $0) }.flatMap { Int($0) } ?? 0
            return Rows(values: values, width: Int(width), affected: affected)
        }

        private func refusal(_ result: OpaquePointer) -> PostgresError {
            func field(_ code: Character) -> String? {
                library.errorField(result, CInt(code.asciiValue ?? 0)).map { String(cString: $0) }
            }
            guard let state = field("C") else { return failure(wasSent: true) }
            return .refused(state: state, Self.line(field("M") ?? ""))
        }

        /// What is wrong with the connection, in libpq's words, which have no password.
        private func failure(wasSent: Bool) -> PostgresError {
            let words = library.errorMessage(handle).map { String(cString: $0) } ?? ""
            return .unreachable(words.isEmpty ? "the connection broke" : Self.line(words), wasSent: wasSent)
        }

        /// In one line, and bounded.
        private static func line(_ words: String) -> String {
            let pieces = words.utf8.split { ASCII.isBlank($0) || $0 < 0x20 }
            return String(decoding: Array(pieces.joined(separator: [ASCII.space])).prefix(300), as: UTF8.self)
        }

        /// Waits until something can be read, or written where that is wanted; says whether something can be read.
        @discardableResult
        private func wait(
            forWriting: Bool, until deadline: Deadline, _ what: String, wasSent: Bool
        ) throws(PostgresError) -> Bool {
            let events = forWriting ? POLLIN | POLLOUT : POLLIN
            var poll = pollfd(fd: library.socket(handle), events: Int16(events), revents: 0)
            // While it connects nothing is there to be read that would not be waited for.
            if forWriting, !wasSent { poll.events = Int16(POLLOUT) }
            while true {
                let found = Platform.poll(&poll, 1, deadline.milliseconds)
                if found > 0 { return poll.revents & Int16(POLLIN) != 0 }
                if found < 0, errno == EINTR { continue }
                throw .unreachable("it took too long \(what)", wasSent: wasSent)
            }
        }
    }
#else
    import Platform

    /// A connection of a Vigil that was built without PostgreSQL, which there is none of.
    final class Connection {
        let isBroken = true
        var isUnconfirmed = false
        let place = ""
        let serverVersion = 0

        init(
            _ place: ConnectionPlace, keeping: KeptStatements, until deadline: Deadline
        ) throws(PostgresError) {
            throw .unusable("this vigil was built without the trait Postgres")
        }

        func close() {}
        func checkIdle() {}
        func run(_ statements: [Statement], until deadline: Deadline) throws(PostgresError) -> [Rows] { [] }
    }
#endif
