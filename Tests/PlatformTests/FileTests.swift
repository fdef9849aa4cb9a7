import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Platform

@Suite("Files")
struct FileTests {
    @Test("a regular file is mapped whole, an empty one too")
    func mapsFiles() throws {
        let folder = try ScratchFolder()
        #expect(try folder.write([1, 2, 3]).withUnsafeBytes { [UInt8]($0) } == [1, 2, 3])
        let empty = try folder.write([], to: "empty")
        #expect(empty.count == 0)
        #expect(empty.withUnsafeBytes { $0.count } == 0)
    }

    @Test("what is no regular file is refused by what it is")
    func refusesOthers() throws {
        let folder = try ScratchFolder()
        #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
        let found = { (path: String) in failure(of: FileError.self) { _ = try MappedFile(path: path) } }
        #expect(found(folder.path + "/pipe")?.description.hasSuffix("is a pipe, not a regular file") == true)
        #expect(found(folder.path)?.description.hasSuffix("is a directory, not a regular file") == true)
        #expect(found("/dev/zero") == .notARegularFile(path: "/dev/zero", found: "a device"))
        #expect(found("/nowhere/at/all") == .noSuchFile(path: "/nowhere/at/all"))
        let opened = { (path: String) in failure(of: FileError.self) { _ = try OpenFile(path: path) } }
        #expect(opened(folder.path + "/pipe")?.description.hasSuffix("is a pipe, not a regular file") == true)
        #expect(opened("/nowhere/at/all") == .noSuchFile(path: "/nowhere/at/all"))
    }

    @Test("a file that is held keeps its bytes, whatever becomes of it, to nothing even")
    func holds() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/file"
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        _ = try folder.write(bytes)
        let held = try MappedFile(holding: path)
        try overwrite(path, with: [UInt8](repeating: 0, count: 100))
        #expect(truncate(path, 0) == 0)
        #expect(held.withUnsafeBytes { [UInt8]($0) } == bytes)
        var digest = SHA256()
        bytes.withUnsafeBytes { digest.update($0) }
        #expect(FileDigest(of: held).value == digest.hexDigest)
        #expect(try MappedFile(holding: path).count == 0)
        #expect(throws: FileError.noSuchFile(path: path + "0")) { try MappedFile(holding: path + "0") }
    }

    @Test("a mapped file knows that it was written over, and not that another came in its place")
    func changes() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/file"
        let first = try folder.write([1, 2, 3])
        #expect(first.isUnchanged)
        var other = try AtomicFile(path: path)
        try other.write([4, 5, 6])
        try other.commit()
        #expect(first.isUnchanged)
        let second = try MappedFile(path: path)
        try overwrite(path, with: [7])
        // Of what is written in the tick of the clock in which the file was made the system's time tells nothing.
        var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, path, &times, 0) == 0)
        #expect(!second.isUnchanged)
        let third = try MappedFile(path: path)
        #expect(truncate(path, 1) == 0)
        #expect(!third.isUnchanged)
    }

    private func overwrite(_ path: String, with bytes: [UInt8]) throws {
        let file = open(path, O_WRONLY)
        defer { close(file) }
        try #require(pwrite(file, bytes, bytes.count, 0) == bytes.count)
    }

    @Test("what can't be written is no file that is lacking, also where the folder goes while it is written")
    func failsToWrite() throws {
        let folder = try ScratchFolder()
        #expect(mkdir(folder.path + "/inner", 0o700) == 0)
        var file = try AtomicFile(path: folder.path + "/inner/file")
        try file.write([1])
        #expect(rename(folder.path + "/inner", folder.path + "/other") == 0)
        do throws(FileError) {
            try file.commit()
            Issue.record("it was written")
        } catch {
            #expect(error == .notWritable(path: folder.path + "/inner/file", reason: "No such file or directory"))
        }
    }

    @Test("a work folder is made with all above it, is one process's at a time, and loses what a killed one left")
    func works() throws {
        let folder = try ScratchFolder()
        for path in ["/a/b/c", "/d//e/", "/a"] { try WorkFolder.make(folder.path + path) }
        #expect(folder.names.sorted() == ["a", "d"])
        _ = try folder.write([1], to: "file")
        #expect(throws: FileError.self) { try WorkFolder.make(folder.path + "/file") }
        #expect(throws: FileError.self) { try WorkFolder.make(folder.path + "/file/in") }
        let path = folder.path + "/a"
        for name in [".state.abc.tmp", ".stat.abc.tmp", ".state.tmp", "state", ".state.abc", ".other.abc.tmp"] {
            _ = try folder.write([1], to: "a/" + name)
        }
        var held = try WorkFolder(locking: path)
        #expect(held != nil)
        #expect(try WorkFolder(locking: path) == nil)
        held?.sweep(["state"])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: path).sorted()
                == [".other.abc.tmp", ".stat.abc.tmp", ".state.abc", ".state.tmp", "b", "state"])
        // A process that is just being started has copies of all descriptors.
        let copies = DescriptorCopies(in: path)
        #expect(copies.count == 1)
        held = nil
        #expect(try WorkFolder(locking: path) != nil)
        #expect(copies.count == 1)
        #expect(throws: FileError.noSuchFile(path: path + "/none")) { try WorkFolder(locking: path + "/none") }
    }

    @Test("an atomic file appears when it is committed, and replaces what was there")
    func commits() throws {
        let folder = try ScratchFolder()
        _ = try folder.write([9])
        var file = try AtomicFile(path: folder.path + "/file")
        try file.write([1, 2])
        try file.write([3])
        #expect(try MappedFile(path: folder.path + "/file").withUnsafeBytes { [UInt8]($0) } == [9])
        try file.commit()
        #expect(folder.names == ["file"])
        #expect(try MappedFile(path: folder.path + "/file").withUnsafeBytes { [UInt8]($0) } == [1, 2, 3])
    }

    @Test("an atomic file that is given up leaves nothing")
    func abandons() throws {
        let folder = try ScratchFolder()
        do {
            var file = try AtomicFile(path: folder.path + "/file")
            try file.write([1])
        }
        #expect(folder.names.isEmpty)
        let none = folder.path + "/none"
        #expect(throws: FileError.notWritable(path: none + "/file", reason: "there is no folder \(none)")) {
            _ = try AtomicFile(path: none + "/file")
        }
        #expect(folder.names.isEmpty)
    }

    @Test("whether files can be written into a folder, or it be made, is known without making it")
    func folderCheck() throws {
        let scratch = try ScratchFolder()
        for new in ["/new", "/new/", "/new/in/it"] { #expect(try !WorkFolder.check(scratch.path + new)) }
        #expect(scratch.names.isEmpty)
        #expect(try WorkFolder.check(scratch.path))
        let file = try scratch.write([], to: "file").path
        for taken in [file, file + "/in", file + "/in/it", ""] {
            #expect(throws: FileError.self) { try WorkFolder.check(taken) }
        }
    }

    @Test("no folder can be made where a link leads nowhere, nor below it")
    func danglingFolder() throws {
        let scratch = try ScratchFolder()
        let link = scratch.path + "/link"
        try #require(symlink("nowhere", link) == 0)
        for path in [link, link + "/", link + "/in/it"] {
            let error = #expect(throws: FileError.self) { try WorkFolder.check(path) }
            #expect(error?.description.contains("link that leads nowhere") == true, "\(path)")
        }
        for path in [link, link + "/in"] { #expect(throws: FileError.self) { try WorkFolder.make(path) } }
        try #require(mkdir(scratch.path + "/nowhere", 0o755) == 0)
        #expect(try WorkFolder.check(link))
    }

    @Test(
        "each name that a file system takes can be written, and a longer one is refused before",
        arguments: ["a", "é", "🎥"])
    func longNames(letter: String) throws {
        let folder = try ScratchFolder()
        let bytes = letter.utf8.count
        let longest = String(repeating: letter, count: 255 / bytes) + String(repeating: "b", count: 255 % bytes)
        try AtomicFile.write([1], to: folder.path + "/" + longest)
        #expect(folder.names == [longest])
        let error = #expect(throws: FileError.self) { try AtomicFile.check(path: folder.path + "/" + longest + "c") }
        #expect(error?.description.contains("256 bytes, expected 255") == true)
        #expect(throws: FileError.self) { try AtomicFile.checkLength(path: longest + "c") }
    }

    @Test("a path that the system does not take is refused before, and so is one beside which nothing could be written")
    func longPaths() throws {
        let deep = String(repeating: "/abcdefghi", count: 397)
        try AtomicFile.checkLength(path: deep + "/x")
        for path in [deep + "/abcdefghi/x", deep + "/" + String(repeating: "x", count: 200)] {
            #expect(throws: FileError.self, "\(path.utf8.count) bytes") { try AtomicFile.checkLength(path: path) }
        }
    }

    @Test("an atomic file replaces regular files alone: no pipe, no folder")
    func replacesFilesAlone() throws {
        let folder = try ScratchFolder()
        let pipe = folder.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        for path in [pipe, folder.path, folder.path + "/", ""] {
            let error = failure(of: FileError.self) { _ = try AtomicFile(path: path) }
            guard case .notWritable? = error else {
                Issue.record("\(path): \(String(describing: error))")
                continue
            }
        }
        #expect(folder.names == ["pipe"])
    }

    @Test("an open file gives its bytes, whole or in pieces, however few the system gives at a time")
    func reads() throws {
        let folder = try ScratchFolder()
        for size in [0, 1, 7, (1 << 18) + 3] {
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            _ = try folder.write(bytes)
            for most in [1 << 16, .max] {
                let file = try OpenFile(path: folder.path + "/file") { pread($0, $1, min($2, most), $3) }
                #expect(try file.bytes() == bytes)
                var pieces: [UInt8] = []
                try file.forEachPiece {
                    $0
                } _: { (piece) throws(FileError) in
                    pieces += piece
                }
                #expect(pieces == bytes)
            }
        }
    }

    @Test("what the disk can't give is an error, and so is the end of a file that has become shorter")
    func failsToRead() throws {
        let folder = try ScratchFolder()
        _ = try folder.write([UInt8](repeating: 1, count: 100))
        let path = folder.path + "/file"
        let broken = try OpenFile(path: path) { file, bytes, count, offset in
            guard offset >= 40 else { return pread(file, bytes, min(count, 40), offset) }
            errno = EIO
            return -1
        }
        let error = FileError.failed(operation: "read", path: path, reason: "Input/output error")
        #expect(throws: error) { try broken.bytes() }
        #expect(throws: error) {
            try broken.forEachPiece {
                $0
            } _: { (_) throws(FileError) in
            }
        }
        let shortened = try OpenFile(path: path)
        #expect(truncate(path, 60) == 0)
        let end = FileError.failed(operation: "read", path: path, reason: "it ends after 60 of 100 bytes")
        #expect(throws: end) { try shortened.bytes() }
    }

    @Test(
        "SHA-256 of the standard's examples",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ])
    func digests(text: String, expected: String) {
        var digest = SHA256()
        for byte in text.utf8 { withUnsafeBytes(of: byte) { digest.update($0) } }
        #expect(digest.hexDigest == expected)
        #expect(digest.finalize().count == 32)
    }
}

@Suite("Digests of files")
struct FileDigestTests {
    @Test("a file's digest is that of its bytes", arguments: [0, 1, 63, 64, 1 << 18, (1 << 18) + 1, 700_001])
    func digest(size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let file = try ScratchFolder().write(bytes)
        let expected = bytes.withUnsafeBytes { SHA256.hexDigest(of: $0) }
        let digest = FileDigest(of: file)
        #expect(digest.value == expected)
        #expect(digest.value == expected)
    }

    @Test("a fingerprint does not depend on the pieces, but on every byte")
    func fingerprint() {
        let bytes = (0..<1_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        func text(_ bytes: [UInt8], pieces: Int) -> String {
            var fingerprint = Fingerprint()
            for start in stride(from: 0, to: bytes.count, by: pieces) {
                bytes[start..<min(start + pieces, bytes.count)].withUnsafeBytes { fingerprint.update($0) }
            }
            return fingerprint.text
        }
        let whole = text(bytes, pieces: 1_000)
        for pieces in [1, 3, 63, 64, 65, 200] { #expect(text(bytes, pieces: pieces) == whole) }
        var seen: Set<String> = [whole]
        for index in bytes.indices {
            var other = bytes
            other[index] ^= 1
            #expect(seen.insert(text(other, pieces: 1_000)).inserted, "byte \(index)")
        }
        #expect(seen.insert(text(bytes + [0], pieces: 1_000)).inserted)
    }

    @Test("a small file is read whole, and refused in a sentence where it is too large, no file or not there")
    func small() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/file"
        let reason = { (path: String) in
            failure(of: SmallFile.Failure.self) { _ = try SmallFile(path, maxBytes: 9_000) }
        }
        for count in [0, 1, 4_097, 9_000] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            _ = try folder.write(bytes)
            #expect(try SmallFile(path, maxBytes: 9_000).bytes == bytes)
        }
        _ = try folder.write([UInt8](repeating: 1, count: 9_001))
        #expect(reason(path)?.description == "\(path) can't be read: it has more than the 9000 bytes that are read")
        #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
        #expect(reason(folder.path + "/pipe")?.reason == "it is not a regular file")
        #expect(reason(folder.path)?.reason == "it is not a regular file")
        #expect(reason("/nowhere/at/all")?.reason == errnoText(ENOENT))
    }

    @Test("of a file that is read again what was last good counts, and of two readings the later")
    func rereading() async throws {
        struct Bad: Error, Equatable { let number: Int }
        let reads = Mutex(0)
        let file = try ReloadedFile { () throws(Bad) in
            let number = reads.withLock { count in
                count += 1
                return count
            }
            if number.isMultiple(of: 3) { throw Bad(number: number) }
            return number
        }
        #expect(file.current == 1)
        #expect(try file.reload() == 2)
        #expect(throws: Bad(number: 3)) { try file.reload() }
        #expect(file.current == 2)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 { group.addTask { _ = try? file.reload() } }
        }
        #expect(file.current == 103, "whoever read last had the last word")
        #expect(throws: Bad(number: 1)) { try ReloadedFile { () throws(Bad) -> Int in throw Bad(number: 1) } }
    }
}
