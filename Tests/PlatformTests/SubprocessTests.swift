import Platform
import TestSupport
import Testing

@Suite("A program that runs beside this one")
struct SubprocessTests {
    private func run(
        _ script: String, input: CInt? = nil, ownNetwork: Bool = false, isFiltered: Bool = true,
        within seconds: Int = 20
    ) throws -> (end: Subprocess.End?, output: String) {
        let process = try Subprocess(
            Subprocess.Command("/bin/sh", ["-c", script], hasOwnNetwork: ownNetwork, isFiltered: isFiltered),
            input: input)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = read(process.output, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        return (process.wait(until: Deadline(in: .seconds(seconds))), String(decoding: bytes, as: UTF8.self))
    }

    @Test("it ends with its own code, and what it wrote is there")
    func code() throws {
        let (end, output) = try run("echo one; exit 3")
        #expect(end == .exited(3))
        #expect(output == "one\n")
    }

    @Test("it is told that its time is over, and ends by that")
    func time() throws {
        let process = try Subprocess(
            Subprocess.Command("/bin/sh", ["-c", "while :; do :; done"], processorSeconds: 1))
        #expect(process.wait(until: Deadline(in: .seconds(60))) == .killed(SIGXCPU))
    }

    @Test("it can't leave the group that it is killed with")
    func session() throws {
        #expect(try run("setsid sleep 600 2>/dev/null && echo left || echo stayed").output == "stayed\n")
    }

    @Test("it has three descriptors and no other, whatever this process holds")
    func descriptors() throws {
        let held = open("/dev/null", O_RDONLY)
        defer { close(held) }
        #expect(try run("exec ls /proc/self/fd").output == "0\n1\n2\n3\n")
    }

    @Test("it has none of this process's variables but where programs are, and in which language they speak")
    func environment() throws {
        let lines = try run("exec env").output.pieces(between: ASCII.lineFeed).filter {
            !$0.isEmpty && !$0.begins(with: "PWD=")
        }
        #expect(lines.sorted() == ["LC_ALL=C", "PATH=/usr/local/bin:/usr/bin:/bin"])
    }

    @Test("it can write no file, gain no privilege and leave no core")
    func bounds() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/written"
        let (_, output) = try run("trap '' XFSZ; echo one >'\(path)'; grep NoNewPrivs /proc/self/status; ulimit -c")
        #expect(output == "NoNewPrivs:\t1\n0\n")
        #expect(try MappedFile(path: path).count == 0)
    }

    @Test("more memory than it may have is refused to it")
    func memory() throws {
        let script = "ulimit -v"
        let process = try Subprocess(Subprocess.Command("/bin/sh", ["-c", script], memory: 512 << 20))
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = read(process.output, &buffer, buffer.count)
        #expect(String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self) == "524288\n")
    }

    @Test("a program that is not there is an error that names it")
    func missing() {
        #expect(throws: SubprocessError(program: "/nowhere/ffmpeg", code: ENOENT)) {
            try Subprocess(Subprocess.Command("/nowhere/ffmpeg", []))
        }
    }

    @Test("who kills it kills its children too, and it is reaped")
    func group() throws {
        let process = try Subprocess(Subprocess.Command("/bin/sh", ["-c", "sleep 600 & echo $!; wait"]))
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = read(process.output, &buffer, buffer.count)
        let child = try #require(Int32(String(decoding: buffer.prefix(max(count - 1, 0)), as: UTF8.self)))
        let own = try #require(process.pid)
        process.kill()
        #expect(process.wait(until: Deadline(in: .seconds(20))) == .killed(SIGKILL))
        // Its output ends when nobody holds it any more.
        #expect(read(process.output, &buffer, buffer.count) == 0)
        #expect(kill(own, 0) == -1)
        // It closes its files before it is gone, and is the init process's to reap, which may not have done so yet.
        func isGone() -> Bool {
            let stat = try? SmallFile("/proc/\(child)/stat", maxBytes: 4_096)
            return stat.map { String(decoding: $0.bytes, as: UTF8.self).contains(") Z ") } ?? true
        }
        let deadline = Deadline(in: .seconds(60))
        while !isGone(), deadline.milliseconds > 0 { sched_yield() }
        #expect(isGone())
    }

    @Test("what its leader leaves behind ends with it")
    func leftovers() throws {
        let (end, output) = try run("sleep 600 & exit 0")
        #expect(end == .exited(0))
        #expect(output.isEmpty)
    }

    @Test("it is killed with whoever lets go of it")
    func released() throws {
        var process: Subprocess? = try Subprocess(Subprocess.Command("/bin/sleep", ["600"]))
        let pid = try #require(process?.pid)
        process = nil
        let deadline = Deadline(in: .seconds(20))
        while kill(pid, 0) == 0, deadline.milliseconds > 0 { sched_yield() }
        #expect(kill(pid, 0) == -1)
    }

    @Test("the filter refuses it every socket that leaves the machine")
    func filter() throws {
        let script = "exec bash -c 'exec 2>/dev/null; (: >/dev/udp/127.0.0.1/9) && echo open || echo closed'"
        #expect(try run(script).output == "closed\n")
        #expect(try run(script, isFiltered: false).output == "open\n")
    }
}
