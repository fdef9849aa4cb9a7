import Testing

@testable import vigil

@Suite("What a server says of jobs")
struct JobReplyTests {
    private static let id = "01M85BV3QAE4RGA8GVVP3465ME"

    @Test("a result is left as it was written")
    func result() throws {
        let text = #" {"id":"\#(Self.id)","status":"succeeded", "result" : {"a":[1, "}]\"",{}]} ,"error":null} "#
        let job = try JobReply(Array(text.utf8))
        #expect(job.result.map { String(decoding: $0, as: UTF8.self) } == #"{"a":[1, "}]\"",{}]}"#)
        #expect(job.isEnded && job.error == nil)
    }

    @Test(
        "what is no job is none",
        arguments: [
            "", "{", "{}", "[]", "null", #"{"id":"../x","status":"queued"}"#, #"{"id":"\#(id)","status":"done"}"#,
            #"{"id":"\#(id)"}"#, #"{"id":"\#(id)","status":"queued"} x"#,
            #"{"id":"\#(id)","id":"\#(id)","status":"queued"}"#,
            #"{"id":"\#(id)","status":"queued","result":{"#, #"{"id":"\#(id)","status":"queued","result":"a\"#,
            #"{"id":"\#(id)","status":"queued","x":[}"#, #"{"id":"01m85bv3qae4rga8gvvp3465me","status":"queued"}"#,
        ])
    func wrong(text: String) {
        #expect(throws: ReplyError.self) { try JobReply(Array(text.utf8)) }
    }

    @Test("numbers that can't be are not believed")
    func numbers() throws {
        let text =
            #"{"id":"\#(Self.id)","status":"running","progress":{"chunks_done":-5,"chunks":-1},"queue_position":1e999}"#
        let job = try JobReply(Array(text.utf8))
        #expect(job.chunksDone == 0 && job.chunks == nil && job.queuePosition == nil)
    }

    @Test("a batch has its jobs")
    func batch() throws {
        let jobs = #"[{"id":"\#(Self.id)","status":"queued"},{"id":"\#(Self.id)","status":"failed"}]"#
        let batch = try BatchReply(Array(#"{"id":"\#(Self.id)","jobs":\#(jobs)}"#.utf8))
        #expect(batch.jobs.map(\.status) == [.queued, .failed] && !batch.isEnded)
        #expect(throws: ReplyError.self) { try BatchReply(Array(#"{"id":"\#(Self.id)","jobs":[{}]}"#.utf8)) }
    }

    @Test("an answer about another job or batch is none, nor is a batch without jobs")
    func others() throws {
        let other = "01M85BV3QAE4RGA8GVVP3465MF"
        let job = Array(#"{"id":"\#(Self.id)","status":"queued"}"#.utf8)
        #expect(try JobReply(job, of: Self.id).status == .queued)
        #expect(throws: ReplyError.self) { try JobReply(job, of: other) }
        let batch = Array(#"{"id":"\#(Self.id)","jobs":[{"id":"\#(other)","status":"queued"}]}"#.utf8)
        #expect(try BatchReply(batch, of: Self.id).jobs.count == 1)
        #expect(throws: ReplyError.self) { try BatchReply(batch, of: other) }
        #expect(throws: ReplyError.self) { try BatchReply(Array(#"{"id":"\#(Self.id)","jobs":[]}"#.utf8)) }
    }

    @Test("results go to a file where its name says a form, else to a folder")
    func places() throws {
        func target(_ output: String?, _ form: ResultForm? = nil) throws -> DownloadTarget {
            try DownloadTarget(output, form)
        }
        #expect(try target(nil).place == .standardOutput && target(nil).form == .json)
        #expect(try target("there/is/none/out").place == .folder("there/is/none/out/"))
        #expect(try target("there/is/none/out.d/").place == .folder("there/is/none/out.d/"))
        #expect(try target("there/is/none/a.html").place == .file("there/is/none/a.html"))
        #expect(try target("there/is/none/a.HTML").form == .report(.html))
        #expect(try target("there/is/none/a.json", .report(.coco)).form == .report(.coco))
        #expect(try target("there/is/none/v1.2").place == .folder("there/is/none/v1.2/"))
        try target("there/is/none/a.csv").check(2)
        #expect(throws: Failure.self) { try target("there/is/none/a.json").check(2) }
        try target("there/is/none/").check(2)
    }

    @Test("columns of a table are as wide as what is in them")
    func table() throws {
        let text =
            #"{"id":"\#(Self.id)","status":"failed","name":"é\u001b[31m","error":{"title":"t","detail":"no rows"}}"#
        let lines = StatusCommand.table([try JobReply(Array(text.utf8))]).split(separator: "\n")
        #expect(lines.count == 2 && !lines[1].contains("\u{1B}"))
        #expect(lines[1] == "\(Self.id)  failed  no rows   -      -        é\u{FFFD}[31m")
    }
}
