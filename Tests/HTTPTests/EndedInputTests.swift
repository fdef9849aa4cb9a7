import HTTPTypes
import TestSupport
import Testing

@testable import HTTP

/// Clients that end their side of the connection while their answer is being made.
@Suite("Requests whose client has ended its side", .timeLimit(.minutes(10)))
struct EndedInputTests {
    /// A handler of POST that waits for `goOn`, and says so when it is cancelled.
    private static func waiting(_ router: inout Router, endsWithInput: Bool, started: Gate, goOn: Gate, cancelled: Gate)
    {
        router.post(
            "/wait", bodyLimit: 10, endsWithInput: endsWithInput,
            .deferred { request in
                var body = request.body.makeAsyncIterator()
                while try await body.next() != nil {}
                await started.open()
                await withTaskCancellationHandler {
                    await goOn.wait()
                } onCancel: {
                    Task {
                        await cancelled.open()
                        await goOn.open()
                    }
                }
                return Response(status: .ok, text: "done")
            })
    }

    @Test("where nobody else has use of the answer, the client counts as gone and the handler is cancelled")
    func gone() async throws {
        let (started, goOn, cancelled) = (Gate(), Gate(), Gate())
        try await TestServer.run(routes: {
            Self.waiting(&$0, endsWithInput: true, started: started, goOn: goOn, cancelled: cancelled)
        }) { server in
            let client = try await blocking {
                let client = try RawClient(port: server.port)
                try client.send("POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok")
                return UncheckedBox(client)
            }
            await started.wait()
            client.value.endSending()
            await cancelled.wait()
            #expect(try await blocking { try client.value.readToEnd() } == "")
        }
    }

    @Test(
        "a handler may say that from now on its client counts as gone, whether it ends its side before that or after it",
        arguments: [true, false])
    func said(isBefore: Bool) async throws {
        let (started, goOn, cancelled) = (Gate(), Gate(), Gate())
        try await TestServer.run(routes: {
            $0.post(
                "/wait", bodyLimit: 10,
                .deferred { request in
                    var body = request.body.makeAsyncIterator()
                    while try await body.next() != nil {}
                    if isBefore {
                        await started.open()
                    } else {
                        request.endWithInput(true)
                        await started.open()
                    }
                    await withTaskCancellationHandler {
                        if isBefore { request.endWithInput(true) }
                        await goOn.wait()
                    } onCancel: {
                        Task {
                            await cancelled.open()
                            await goOn.open()
                        }
                    }
                    return Response(status: .ok, text: "done")
                })
        }) { server in
            let client = try await blocking {
                let client = try RawClient(port: server.port)
                try client.send("POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok")
                if isBefore { client.endSending() }
                return UncheckedBox(client)
            }
            await started.wait()
            client.value.endSending()
            await cancelled.wait()
            #expect(try await blocking { try client.value.readToEnd() } == "")
        }
    }

    @Test("elsewhere it may still read, and is answered")
    func answered() async throws {
        let (started, goOn, cancelled) = (Gate(), Gate(), Gate())
        try await TestServer.run(routes: {
            Self.waiting(&$0, endsWithInput: false, started: started, goOn: goOn, cancelled: cancelled)
        }) { server in
            let client = try await blocking {
                let client = try RawClient(port: server.port)
                try client.send("POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok")
                return UncheckedBox(client)
            }
            await started.wait()
            client.value.endSending()
            await goOn.open()
            #expect(try await blocking { try client.value.readToEnd() }.hasSuffix("done"))
        }
    }

    @Test("who makes an answer of a problem is told what was asked for, where that is known")
    func paths() {
        let harness = StateHarness(render: { problem, _, path in
            Response(status: problem.status, text: path ?? "unknown")
        })
        harness.feed("GET /no%20where HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(harness.sent.hasSuffix("/no where"))
        let broken = StateHarness(render: { problem, _, path in
            Response(status: problem.status, text: path ?? "unknown")
        })
        broken.feed("GET nowhere\r\n\r\n")
        #expect(broken.sent.hasSuffix("unknown"))
    }
}
