import Foundation
import Synchronization

/// A PostgreSQL of the tests' own, in a folder that goes with the process: on a socket of that folder, by a user who is not root,
/// and without a flush, since nobody pulls its plug.
public final class PostgresServer: Sendable {
    /// Started once, where PostgreSQL is installed; nil where it is not, and where it does not start.
    public static let shared = try? PostgresServer()

    /// Whether there is one, which takes a second to find out the first time.
    public static var isThere: Bool { shared != nil }

    /// The folder of the socket.
    public let folder: String
    private let last = Mutex(0)

    private struct NotInstalled: Error {}

    private static let start = """
        set -eu
        exec 3<&0 </dev/null
        bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
        [ -n "$bin" ] || bin=$(dirname "$(command -v initdb)")
        as=""
        if [ "$(id -u)" = 0 ]; then
            user=postgres
            id -u postgres >/dev/null 2>&1 || user=nobody
            chown "$user" "$1"
            as="setpriv --reuid=$user --clear-groups"
        fi
        cd /
        $as "$bin/initdb" -D "$1/data" -U vigil -A trust -E UTF8 --locale=C --no-sync >/dev/null
        $as "$bin/pg_ctl" -D "$1/data" -w -l "$1/log" -o "-c fsync=off -c full_page_writes=off -c autovacuum=off \\
            -c max_connections=900 -c shared_buffers=32MB -c listen_addresses='' -c unix_socket_directories='$1'" \\
            start >/dev/null 3<&-
        echo y
        exec >/dev/null
        # Until the process that began it has ended, however that was.
        ( cat <&3 >/dev/null; $as "$bin/pg_ctl" -D "$1/data" -m immediate stop; rm -rf "$1" ) 2>/dev/null &
        """

    private init() throws {
        folder = "/tmp/vigil-pg-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", Self.start, "sh", folder]
        let (life, said) = (Pipe(), Pipe())
        process.standardInput = life
        process.standardOutput = said
        process.standardError = FileHandle.nullDevice
        try process.run()
        try? said.fileHandleForWriting.close()
        // Its end is not waited for, since Foundation sees that when the last of those that it began has ended.
        guard let first = try said.fileHandleForReading.read(upToCount: 1), first == Data("y".utf8) else {
            try? FileManager.default.removeItem(atPath: folder)
            throw NotInstalled()
        }
        // Never closed: its end is the sign.
        _ = Unmanaged.passRetained(life)
    }

    /// A name that no other test has.
    public func newName() -> String {
        last.withLock { last in
            last += 1
            return "t\(last)"
        }
    }

    /// The address of the server, with a schema of its own where one is named.
    public func address(schema: String? = nil) -> String {
        let options = schema.map { "&options=-csearch_path%3D\($0)" } ?? ""
        return "postgres:///postgres?host=\(folder)&user=vigil\(options)"
    }
}
