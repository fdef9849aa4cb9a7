import Foundation
import Jobs
import Logging
import Platform
import Synchronization
import TestSupport
import Testing

@testable import vigil

@Suite("what systemd is told")
struct ServiceManagerTests {
    private let logger = Logger(label: "test")

    private func manager(_ environment: [String: String]) -> ServiceManager? {
        ServiceManager(environment: { environment[$0] }, process: 42, logger: logger)
    }

    @Test("nobody is told without a place that is a path or a name", arguments: [nil, "", "run/notify", "vsock:2:1"])
    func nobody(place: String?) {
        #expect(manager(place.map { ["NOTIFY_SOCKET": $0] } ?? [:]) == nil)
    }

    @Test(
        "a watchdog's time counts where it is a number above zero, and for this process",
        arguments: [
            (nil, nil, nil), ("20000000", nil, 20), ("20000000", "42", 20), ("20000000", "41", nil), ("0", nil, nil),
            ("-5", "42", nil), ("soon", nil, nil),
        ] as [(String?, String?, Int?)])
    func watchdog(time: String?, process: String?, seconds: Int?) throws {
        var environment = ["NOTIFY_SOCKET": "/run/notify"]
        environment["WATCHDOG_USEC"] = time
        environment["WATCHDOG_PID"] = process
        #expect(try #require(self.manager(environment)).watchdog == seconds.map { .seconds($0) })
    }

    @Test("each notice is one message, by a path or by a name in the kernel", arguments: [true, false])
    func notices(isName: Bool) throws {
        let folder = try ScratchFolder()
        let place = isName ? "@vigil-\(folder.path)" : folder.path + "/notify"
        let inbox = try Inbox(at: place)
        let manager = try #require(self.manager(["NOTIFY_SOCKET": place]))
        let notices: [ServiceManager.Notice] = [
            .ready, .reloading(at: MonotonicTime(nanoseconds: 7_654_321)), .alive, .stopping,
        ]
        for notice in notices { manager.tell(notice) }
        #expect(
            inbox.all() == ["READY=1", "RELOADING=1\nMONOTONIC_USEC=7654", "WATCHDOG=1", "STOPPING=1"])
    }

    @Test("files that are read again are told of while the process is ready, neither before nor after")
    func reading() async throws {
        let folder = try ScratchFolder()
        let inbox = try Inbox(at: folder.path + "/notify")
        let manager = try #require(self.manager(["NOTIFY_SOCKET": folder.path + "/notify"]))
        func heads() -> [String] { inbox.all().map { String($0.prefix { $0 != "=" }) } }
        var count = 0
        await manager.tell(ofReading: { count += 1 })
        #expect(heads() == [])
        manager.tell(.ready)
        await manager.tell(ofReading: { count += 1 })
        #expect(heads() == ["READY", "RELOADING", "READY"])
        await manager.tell(ofReading: { manager.tell(.stopping) })
        await manager.tell(ofReading: { count += 1 })
        #expect(heads() == ["RELOADING", "STOPPING"])
        #expect(count == 3)
    }

    @Test("who can't be told is told of in the log, and ends nothing")
    func absent() throws {
        let folder = try ScratchFolder()
        let notes = Notes()
        let place = folder.path + "/absent"
        let environment = ["NOTIFY_SOCKET": place]
        let manager = ServiceManager(environment: { environment[$0] }, process: 42, logger: notes.logger())
        let found = try #require(manager)
        found.tell(.ready)
        #expect(notes.all.count == 1)
        #expect(notes.all.first?.contains(place) == true)
    }

    @Test("it is told that the process is alive twice in its time, and not while it is not")
    func attests() async throws {
        let folder = try ScratchFolder()
        let place = folder.path + "/notify"
        let inbox = try Inbox(at: place)
        let manager = try #require(self.manager(["NOTIFY_SOCKET": place, "WATCHDOG_USEC": "4000000"]))
        let clock = Steps(4)
        let asked = Mutex(0)
        await manager.attest(by: clock) {
            asked.withLock { count in
                count += 1
                return count != 2
            }
        }
        #expect(clock.waits == [.seconds(2), .seconds(2), .seconds(2), .seconds(2)])
        #expect(inbox.all() == ["WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"])
    }
}

/// A clock that goes at once where it is to go, a number of times, and then ends who waits.
private final class Steps: JobClock {
    private struct State {
        var now = MonotonicTime(nanoseconds: 0)
        var left: Int
        var waits: [Duration] = []
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(left: count)) }

    var wall: WallTime { WallTime(milliseconds: 0) }
    var now: MonotonicTime { state.withLock(\.now) }
    var waits: [Duration] { state.withLock(\.waits) }

    func sleep(until deadline: MonotonicTime) async throws {
        try state.withLock { state in
            guard state.left > 0 else { throw CancellationError() }
            state.left -= 1
            state.waits.append(deadline - state.now)
            state.now = deadline
        }
    }
}

/// The socket of who is told.
private final class Inbox {
    private let socket: Socket

    init(at place: String) throws {
        let (storage, length) = try #require(UnixSocketPath.storage(pathOrName: place))
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        socket = Socket(owning: Platform.socket(AF_UNIX, kind, 0))
        let descriptor = socket.descriptor
        var address = storage
        // Sound: a sockaddr_storage may be passed as any sockaddr, with the length that says how much of it counts.
        let outcome = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        try #require(outcome == 0)
    }

    /// The messages that came.
    func all() -> [String] {
        var messages: [String] = []
        var bytes = [UInt8](repeating: 0, count: 4_096)
        while case let count = recv(socket.descriptor, &bytes, bytes.count, 0), count > 0 {
            messages.append(String(decoding: bytes[..<count], as: UTF8.self))
        }
        return messages
    }
}
