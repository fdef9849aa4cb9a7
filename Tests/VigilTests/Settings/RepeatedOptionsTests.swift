import ArgumentParser
import Testing

@testable import vigil

@Suite("Options that are written more than once")
struct RepeatedOptionsTests {
    @Test(
        "one that takes a single value is refused by its name",
        arguments: [
            ("serve --canary a=x:5% --canary b=y:5%", "--canary"), ("serve --port=1 --port 1", "--port"),
            ("score x.npy --compute int8 --fps 30 --compute=int8", "--compute"), ("eval --list a --list b", "--list"),
            ("train --preset a --rate 1 --rate 2", "--rate"), ("extract a --model m --model n", "--model"),
            ("bench serve --clients 1 --clients 2", "--clients"),
            ("keys add a --api-keys k --api-keys l", "--api-keys"),
            ("import a --labels a,b --labels c,d", "--labels"), ("state check --state a --state b", "--state"),
        ])
    func single(line: String, option: String) {
        let failure = #expect(throws: Failure.self) { try RepeatedOptions.check(Self.words(line)) }
        #expect(failure?.code == .usage)
        #expect(failure?.description == "\(option): given 2 times: expected it once")
    }

    @Test(
        "lists, flags, values and what stands behind -- may be repeated",
        arguments: [
            "serve --model a --model b --listen 127.0.0.1:1 --listen=127.0.0.1:2",
            "score --labels a,b --labels c x.npy",
            "bench engine --lengths 1 2 --lengths 3", "eval --json --json", "score -- --port --port",
            "serve --host port --log-level port", "serve", "nothing --port 1 --port 2",
        ])
    func several(line: String) throws { try RepeatedOptions.check(Self.words(line)) }

    private static func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }
}
