import Foundation
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Audit

@Suite("the audit log")
struct AuditLogTests {
    private let folder: ScratchFolder
    private let path: String

    init() throws {
        folder = try ScratchFolder()
        path = folder.path + "/audit.log"
    }

    private func log(
        _ syncing: AuditLog.Syncing = .always, _ report: @escaping @Sendable (AuditLog.Event) -> Void = { _ in }
    ) throws -> AuditLog {
        try AuditLog(path: path, syncing: syncing, version: "1", now: { "2026-01-01T00:00:00.000Z" }, report: report)
    }

    private func entry(_ number: Int) -> AuditEntry {
        var entry = AuditEntry(.submit)
        (entry.key, entry.job, entry.requestID, entry.status) = ("alice", "job-\(number)", "r\(number)", 202)
        return entry
    }

    private func write(_ count: Int, syncing: AuditLog.Syncing = .always) async throws {
        let log = try log(syncing)
        for number in 0..<count { #expect(await log.add([entry(number)])) }
        await log.finish(within: .seconds(60))
    }

    private func bytes(_ path: String? = nil) throws -> [UInt8] {
        try Array(Data(contentsOf: URL(filePath: path ?? self.path)))
    }

    private func lines() throws -> [[UInt8]] { try bytes().split(separator: 10).map { Array($0) + [10] } }

    private func put(_ lines: [[UInt8]]) throws { try Data(lines.flatMap { $0 }).write(to: URL(filePath: path)) }

    private func fault(_ check: AuditCheck = AuditCheck(), _ paths: [String]? = nil) -> AuditCheck.Fault? {
        do throws(AuditCheckError) {
            _ = try check.run(paths ?? [path])
            return nil
        } catch {
            if case .fault(let fault) = error { return fault }
            return AuditCheck.Fault(path: "", line: nil, reason: "unreadable")
        }
    }

    @Test(
        "each line names the one before by its SHA-256, as sha256sum would, from the first to the last",
        arguments: AuditLog.Syncing.allCases)
    func chain(syncing: AuditLog.Syncing) async throws {
        try await write(3, syncing: syncing)
        let lines = try lines()
        let texts = lines.map { String(decoding: $0, as: UTF8.self) }
        #expect(texts.count == 5 && texts[0].contains(#""action":"start""#) && texts[4].contains(#""action":"stop""#))
        #expect(texts[0].hasSuffix(#","prev":"\#(String(repeating: "0", count: 64))"}"# + "\n"))
        for (line, next) in zip(lines, texts.dropFirst()) {
            #expect(next.hasSuffix(#","prev":"\#(AuditLine.digest(of: line))"}"# + "\n"))
        }
        let report = try AuditCheck(expectedLast: AuditLine.digest(of: lines[4])).run([path])
        #expect(report.lines == 5 && report.witness == report.place)
    }

    @Test("a server that begins again goes on where the log ended, also in a new file after the old one was moved away")
    func restarts() async throws {
        try await write(2)
        try await write(2)
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        try await write(1)
        let report = try AuditCheck().run([path + ".1", path])
        #expect(report.lines == 11 && report.place.number == 11)
        let alone = try #require(fault())
        #expect(alone.line == 1 && alone.reason.contains("--after"))
        let digest = AuditLine.digest(of: try #require(try bytes(path + ".1").split(separator: 10).last) + [10])
        #expect(try AuditCheck(after: digest).run([path]).lines == 3)
        #expect(fault(AuditCheck(after: String(repeating: "a", count: 64)))?.line == 1)
    }

    @Test("a log that was moved away is gone on with in a new file, without a break")
    func rotation() async throws {
        let log = try log()
        #expect(await log.add([entry(1)]))
        log.reopen()
        #expect(await log.add([entry(2)]))
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        #expect(await log.add([entry(3)]))
        log.reopen()
        #expect(await log.add([entry(4), entry(5)]))
        await log.finish(within: .seconds(60))
        let report = try AuditCheck().run([path + ".1", path])
        #expect(report.lines == 7)
        #expect(try lines().count == 3)
    }

    @Test("right after a rotation, with a new file or without, the file before it vouches; alone it is told what it is")
    func rightAfterRotation() async throws {
        try await write(3)
        let last = AuditLine.digest(of: try #require(try lines().last))
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        for said in ["it is not there, and ", "it has no line, and "] {
            let reason = fault()?.reason ?? ""
            #expect(
                reason.hasPrefix(said) && reason.contains("knows line 5: where the log was moved away"), "\(reason)")
            #expect(fault(AuditCheck(after: last)) == nil)
            #expect(fault(AuditCheck(after: String(last.reversed()))) != nil)
            let report = try AuditCheck().run([path + ".1", path])
            #expect(report.lines == 5 && report.witness == report.place)
            try put([])
        }
        try FileManager.default.removeItem(atPath: path)
        try Data(try bytes(path + ".1").dropLast(1)).write(to: URL(filePath: path + ".1"))
        #expect(fault(AuditCheck(), [path + ".1", path])?.reason.contains("no end") == true)
    }

    @Test("a file with lines of its own does not take the place of one that was moved away")
    func strangers() async throws {
        let events = Mutex<[AuditLog.Event]>([])
        let log = try log { event in events.withLock { $0.append(event) } }
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        try Data(bytes(path + ".1")).write(to: URL(filePath: path))
        log.reopen()
        #expect(await log.add([entry(1)]))
        await log.finish(within: .seconds(60))
        #expect(try bytes(path + ".1").split(separator: 10).count == 3)
        #expect(events.withLock { $0.contains { if case .kept = $0 { true } else { false } } })
    }

    @Test("any byte that is another is found")
    func bytesFlipped() async throws {
        try await write(6)
        let whole = try bytes()
        #expect(fault() == nil)
        var random = SeededRandom(seed: 21)
        for round in 0..<1_500 {
            var changed = whole
            let index = Int.random(in: 0..<whole.count, using: &random)
            changed[index] ^= UInt8.random(in: 1...255, using: &random)
            try Data(changed).write(to: URL(filePath: path))
            #expect(fault() != nil, "round \(round), byte \(index)")
        }
        let head = try bytes(path + ".head")
        try Data(whole).write(to: URL(filePath: path))
        for index in head.indices {
            var changed = head
            changed[index] ^= 4
            try Data(changed).write(to: URL(filePath: path + ".head"))
            #expect(fault() != nil, "byte \(index) of the witness")
        }
    }

    @Test("any line that is missing, there twice, or in another's place is found, at the first that is wrong")
    func linesMoved() async throws {
        try await write(6)
        let whole = try lines()
        for index in whole.indices {
            var removed = whole
            removed.remove(at: index)
            try put(removed)
            #expect(fault()?.line == (index < whole.count - 1 ? index + 1 : nil), "without line \(index + 1)")
            var repeated = whole
            repeated.insert(whole[index], at: index)
            try put(repeated)
            #expect(fault()?.line == index + 2, "line \(index + 1) twice")
            for other in whole.indices where other > index {
                var swapped = whole
                swapped.swapAt(index, other)
                try put(swapped)
                #expect(fault()?.line == index + 1, "lines \(index + 1) and \(other + 1)")
            }
        }
        try put(whole)
        #expect(fault() == nil)
    }

    @Test("a cut at the end is known by the witness, or by whoever noted the last line")
    func cuts() async throws {
        try await write(4)
        let whole = try lines()
        let last = AuditLine.digest(of: whole[5])
        for count in 1..<whole.count {
            try put(Array(whole.prefix(count)))
            #expect(fault()?.reason.contains("cut at its end") == true, "\(count) lines")
        }
        try Data(whole.flatMap { $0 }.dropLast(7)).write(to: URL(filePath: path))
        #expect(fault()?.reason.contains("no end") == true)
        try FileManager.default.removeItem(atPath: path + ".head")
        try put(Array(whole.prefix(4)))
        #expect(fault() == nil, "nobody knows better")
        #expect(fault(AuditCheck(expectedLast: last))?.reason.contains(last) == true)
    }

    @Test("a server that goes on with a log that has lost lines says so in it, for ever")
    func goesOnAfterCut() async throws {
        try await write(4)
        try put(Array(lines().prefix(3)))
        let events = Mutex<[AuditLog.Event]>([])
        let log = try log { event in events.withLock { $0.append(event) } }
        await log.finish(within: .seconds(60))
        #expect(events.withLock { $0 } == [.lost(upTo: 6)])
        #expect(fault()?.line == 4)
    }

    @Test("a line that was not written whole is cut off, since nobody was told of it")
    func torn() async throws {
        try await write(1)
        let whole = try bytes()
        try Data(whole + Array(#"{"number":4,"ti"#.utf8)).write(to: URL(filePath: path))
        let events = Mutex<[AuditLog.Event]>([])
        let log = try log { event in events.withLock { $0.append(event) } }
        await log.finish(within: .seconds(60))
        #expect(events.withLock { $0 } == [.torn(15)])
        #expect(try AuditCheck().run([path]).lines == 5)
    }

    @Test("a log is one server's, and nothing else is taken for one")
    func unsuitable() async throws {
        let log = try log()
        #expect(throws: AuditError.inUse(path: path)) { try self.log() }
        await log.finish(within: .seconds(60))
        for text in ["hello\n", "hello", "{}\n"] {
            try Data(text.utf8).write(to: URL(filePath: path))
            #expect(throws: AuditError.self) { try self.log() }
            #expect(try bytes() == Array(text.utf8), "it is not touched")
        }
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        #expect(throws: AuditError.self) { try self.log() }
    }

    @Test(
        "a number that nobody can have come to is that of no line and of no witness",
        arguments: [Int.max, Int.max / 2 + 1])
    func lastNumber(number: Int) throws {
        let digest = AuditPlace.beginning.digest
        let line = #"{"number":\#(number),"time":"","action":"submit","prev":"\#(digest)"}"# + "\n"
        try put([Array(line.utf8)])
        #expect(fault(AuditCheck(after: digest))?.line == 1)
        #expect(throws: AuditError.self) { try self.log() }
        #expect(AuditHead(AuditHead(AuditPlace(number: number, digest: digest)).text) == nil)
        let head = AuditHead(AuditPlace(number: AuditLine.most, digest: digest), missing: 999_999)
        #expect(AuditHead(head.text) == head && head.text.count == AuditHead.bytes)
    }

    @Test("a disk that is full is told to who waits, and nothing is lost once there is room")
    func fullDisk() async throws {
        let isFull = Mutex(false)
        let events = Mutex<[AuditLog.Event]>([])
        let log = try AuditLog(path: path, syncing: .always, version: "1", now: { "" }) { event in
            events.withLock { $0.append(event) }
        } write: { descriptor, bytes in
            guard isFull.withLock({ $0 }) else { return AuditFile.systemWrite(descriptor, bytes) }
            // What fits is written, and then nothing.
            let fitting = UnsafeRawBufferPointer(rebasing: bytes.prefix(10))
            if bytes.count > 10 { return AuditFile.systemWrite(descriptor, fitting) }
            errno = ENOSPC
            return -1
        }
        #expect(await log.add([entry(1)]))
        let before = try bytes()
        isFull.withLock { $0 = true }
        #expect(await log.add([entry(2)]) == false)
        #expect(log.isFailing && log.statistics.lines == 2)
        #expect(try bytes().starts(with: before))
        isFull.withLock { $0 = false }
        await waitUntil { !log.isFailing }
        #expect(await log.add([entry(3)]))
        await log.finish(within: .seconds(60))
        #expect(try AuditCheck().run([path]).lines == 5)
        #expect(events.withLock { $0.count } == 2 && events.withLock { $0.last } == .recovered)
    }

    @Test("a disk that does not answer is told to who waits, and all is in the log once it answers again")
    func blockedDisk() async throws {
        let gate = Monitor(false)
        defer { gate.withLock { $0 = true }; gate.wakeAll() }
        let isBlocked = Mutex(false)
        let events = Mutex<[AuditLog.Event]>([])
        let log = try AuditLog(
            path: path, syncing: .always, version: "1", now: { "" }, patience: .milliseconds(1)
        ) { event in
            events.withLock { $0.append(event) }
        } write: { descriptor, bytes in
            if isBlocked.withLock({ $0 }) { _ = gate.wait { $0 ? true : nil } }
            return AuditFile.systemWrite(descriptor, bytes)
        }
        isBlocked.withLock { $0 = true }
        let (one, two) = ([entry(1)], [entry(2)])
        async let first = log.add(one)
        async let second = log.add(two)
        #expect(await [first, second] == [false, false])
        #expect(log.isFailing && log.statistics.failures == 1)
        #expect(await log.add([entry(3)]) == false, "at once")
        isBlocked.withLock { $0 = false }
        gate.withLock { $0 = true }
        gate.wakeAll()
        await log.finish(within: .seconds(60))
        #expect(!log.isFailing)
        #expect(try AuditCheck().run([path]).lines == 5)
        let told = try #require(events.withLock { $0.first })
        #expect(told == .failing(.blocked(path: path, time: .milliseconds(1))))
        #expect(events.withLock { $0.last } == .recovered)
    }

    @Test("a log of which the first line alone was begun is begun anew", arguments: [1, 9, 10, 11, 60])
    func tornFirstLine(bytes count: Int) async throws {
        try await write(1)
        let torn = Array(try bytes().prefix(count))
        try FileManager.default.removeItem(atPath: path + ".head")
        try Data(torn).write(to: URL(filePath: path))
        let events = Mutex<[AuditLog.Event]>([])
        let log = try log { event in events.withLock { $0.append(event) } }
        await log.finish(within: .seconds(60))
        #expect(events.withLock { $0 } == [.torn(count)])
        #expect(try AuditCheck().run([path]).lines == 2)
    }

    @Test("where a part of a line can't be taken back nothing is added to it, until it can")
    func stuckPart() async throws {
        let isFull = Mutex(false)
        let isStuck = Mutex(true)
        let log = try AuditLog(path: path, syncing: .always, version: "1", now: { "" }) { descriptor, length in
            if isStuck.withLock({ $0 }) {
                errno = EIO
                return -1
            }
            return AuditFile.systemCut(descriptor, length)
        } report: { _ in
        } write: { descriptor, bytes in
            guard isFull.withLock({ $0 }) else { return AuditFile.systemWrite(descriptor, bytes) }
            if bytes.count > 10 {
                return AuditFile.systemWrite(descriptor, UnsafeRawBufferPointer(rebasing: bytes.prefix(10)))
            }
            errno = ENOSPC
            return -1
        }
        isFull.withLock { $0 = true }
        #expect(await log.add([entry(1)]) == false)
        isFull.withLock { $0 = false }
        let size = try bytes().count
        await waitUntil { log.statistics.failures > 1 }
        #expect(try bytes().count == size && log.isFailing)
        isStuck.withLock { $0 = false }
        await waitUntil { !log.isFailing }
        await log.finish(within: .seconds(60))
        #expect(try AuditCheck().run([path]).lines == 3)
    }

    @Test("a part of a line that can't be cut off at the start is told, and is not gone on behind")
    func stuckStart() async throws {
        try await write(1)
        let torn = try bytes() + Array(#"{"number":4,"ti"#.utf8)
        try Data(torn).write(to: URL(filePath: path))
        #expect(throws: AuditError.self) {
            try AuditLog(path: path, syncing: .always, version: "1", now: { "" }) { _, _ in
                -1
            } report: { _ in
            } write: {
                AuditFile.systemWrite($0, $1)
            }
        }
        #expect(try bytes() == torn)
    }

    @Test("a log that is being written may have a line without an end, as long as it is a server's")
    func beingWritten() async throws {
        let log = try log()
        #expect(await log.add([entry(1)]))
        let whole = try bytes()
        try Data(whole + Array(#"{"number":3,"ti"#.utf8)).write(to: URL(filePath: path))
        let report = try AuditCheck().run([path])
        #expect(report.lines == 2 && report.isBeingWritten)
        try Data(whole + Array("x".utf8)).write(to: URL(filePath: path))
        #expect(fault()?.reason.contains("no end") == true, "that is none")
        try Data(whole).write(to: URL(filePath: path))
        #expect(try !AuditCheck().run([path]).isBeingWritten)
        await log.finish(within: .seconds(60))
        try Data(whole + Array(#"{"number":3,"ti"#.utf8)).write(to: URL(filePath: path))
        #expect(fault()?.reason.contains("no end") == true, "nobody is writing")
    }
}
