import ArgumentParser
import HTTPClient
import JSON
import Platform

/// What a run does: threads that each send one file after another, and, where results are waited for, two that ask for them.
final class SubmitRun: Sendable {
    /// What is to be done.
    struct Plan: Sendable {
        let files: [SubmittedFile]
        let parameters: [(name: String, value: String)]
        /// A word that makes all keys others; empty for the same content to be the same job.
        let again: String
        let uploads: Int
        let isWaiting: Bool
        /// Whether nothing is queued.
        let isReport: Bool
        let form: ResultForm
        let output: String?
    }

    private struct Waiting {
        let file: Int
        let entry: ResumeFile.Entry
    }

    private struct State {
        var next = 0
        var uploading = 0
        var waiting: [Waiting] = []
        var threads = 0
        var codes: Set<Failure.Code> = []
        /// What ends the run before its end.
        var fatal: (any Error)?
    }

    private static let waiters = 2
    /// How long the server holds an answer for a job's end: in it no other job is asked for, and nobody is heard who wants an end.
    private static let hold = 5
    /// A server that does not hold it, as one that is about to end, is asked so often.
    private static let pause = Duration.seconds(1)
    private let plan: Plan
    private let choice: ServerChoice
    private let resume: ResumeFile?
    private let report: SubmitReport
    private let stop: StopFlag
    private let patience: Patience
    private let state: Monitor<State>

    init(_ plan: Plan, _ choice: ServerChoice, resume: ResumeFile?, report: SubmitReport, stop: StopFlag) {
        (self.plan, self.choice, self.resume, self.report, self.stop) = (plan, choice, resume, report, stop)
        patience = Patience(choice.patience)
        var begin = State()
        begin.uploading = min(plan.uploads, plan.files.count)
        begin.threads = begin.uploading + (plan.isWaiting ? Self.waiters : 0)
        state = Monitor(begin)
    }

    /// Does all of it.
    ///
    /// - Returns: what was wrong with files and jobs
    func run() throws -> Set<Failure.Code> {
        let uploads = min(plan.uploads, plan.files.count)
        for _ in 0..<uploads { begin { [self] remote in upload(remote) } }
        if plan.isWaiting { for _ in 0..<Self.waiters { begin { [self] remote in wait(remote) } } }
        let (fatal, codes) = state.wait { $0.threads == 0 ? ($0.fatal, $0.codes) : nil }
        if let fatal { throw fatal }
        resume?.remove()
        return codes
    }

    private func begin(_ body: @escaping @Sendable (Remote) -> Void) {
        let code = OwnThread.run(name: "submit", stackBytes: 1 << 20) { [self] in
            body(Remote(choice, patience: patience, stop: stop))
            state.withLock { $0.threads -= 1 }
            state.wakeAll()
        }
        guard code != 0 else { return }
        end(Failure(.internal, "there is no thread to be had: \(errnoText(code))"))
        state.withLock { $0.threads -= 1 }
    }

    private func end(_ error: any Error) {
        state.withLock { $0.fatal = $0.fatal ?? error }
        state.wakeAll()
    }

    /// Sends one file after another.
    private func upload(_ remote: Remote) {
        while let index = state.withLock({ takeFile(&$0) }) {
            let file = plan.files[index]
            settle(file.path) {
                if let entry = try submit(file, by: remote) { hand(Waiting(file: index, entry: entry)) }
            }
        }
        state.withLock { $0.uploading -= 1 }
        state.wakeAll()
    }

    private func takeFile(_ state: inout State) -> Int? {
        if stop.isSet, state.fatal == nil { state.fatal = ExitCode(128 + stop.signal) }
        guard state.fatal == nil, state.next < plan.files.count else { return nil }
        state.next += 1
        return state.next - 1
    }

    private func hand(_ waiting: Waiting) {
        guard plan.isWaiting else { return }
        state.withLock { $0.waiting.append(waiting) }
        state.wakeAll()
    }

    /// Carries out what is done for one file: what is wrong with that alone ends nothing else.
    private func settle(_ path: String, _ body: () throws -> Void) {
        var problem: ServerProblem?
        do { try body() } catch {
            problem = error as? ServerProblem
            let failure = problem.map { Failure($0.code, "\($0.words) (\($0.status))") } ?? Failure(error)
            let failed = failure ?? (error as? ReplyError).map { Failure(.unavailable, $0.description) }
            guard let failed, failed.code == .badData || failed.code == .noInput else {
                return end(failed.map { Failure($0.code, "\(path): \($0.description)") } ?? error)
            }
            state.withLock { _ = $0.codes.insert(failed.code) }
            report.failed(path, failed.description, problem)
        }
    }

    /// Has a file's jobs made, unless it is known that they are there.
    private func submit(_ file: SubmittedFile, by remote: Remote) throws -> ResumeFile.Entry? {
        let report = report
        let upload = try Upload(
            file, plan.parameters, again: plan.again, sent: { report.sent($0) }, check: { try remote.check() })
        if let known = resume?.entry(upload.key) {
            if try isThere(known, remote) {
                report.submitted(file.path, known, source: "resumed")
                return known
            }
            resume?.drop(upload.key)
        }
        var fields = upload.fields + [(name: "Accept", value: "application/json")]
        if !plan.isReport { fields.append(("Idempotency-Key", "\"\(upload.key)\"")) }
        let answer = try remote.upload(remote.request("POST", upload.path, fields: fields), upload.body)
        if let problem = ServerProblem(answer) { throw problem }
        if plan.isReport {
            do throws(JSONError) { _ = try JSONReader.parse(answer.body) } catch { throw ReplyError("\(error)") }
            report.report(file.path, answer.body)
            return nil
        }
        let isBatch = try JSONMembers.split(answer.body).contains { $0.name.hasBytes(of: "jobs") }
        let id = isBatch ? try BatchReply(answer.body).id : try JobReply(answer.body).id
        let entry = ResumeFile.Entry(id: id, isBatch: isBatch)
        resume?.add(upload.key, entry)
        report.submitted(file.path, entry, source: answer.head.isReplay ? "replayed" : "sent")
        return entry
    }

    private func isThere(_ entry: ResumeFile.Entry, _ remote: Remote) throws -> Bool {
        // Whatever it is like: it is there, and neither it nor its result has to come.
        let path = (entry.isBatch ? "/batches/" : "/jobs/") + entry.id
        let answer = try remote.get(path, fields: [("If-None-Match", "*")], isResult: true)
        guard let problem = ServerProblem(answer) else { return true }
        guard problem.status == 404 else { throw problem }
        return false
    }

    /// Waits for one job after another, the oldest first, and writes what comes of it.
    private func wait(_ remote: Remote) {
        while let one = state.wait(for: { takeWaiting(&$0) }) ?? nil {
            let file = plan.files[one.file]
            settle(file.path) {
                try remote.check()
                let begun = MonotonicTime.now
                guard try isDone(one, file, remote) else {
                    try remote.wait(Self.pause - (MonotonicTime.now - begun))
                    state.withLock { $0.waiting.insert(one, at: 0) }
                    state.wakeAll()
                    return
                }
            }
        }
    }

    /// The job that is waited for next; nothing where none comes any more, and nil where one may.
    private func takeWaiting(_ state: inout State) -> Waiting?? {
        if state.fatal != nil { return .some(nil) }
        if !state.waiting.isEmpty { return state.waiting.removeFirst() }
        return state.uploading == 0 ? .some(nil) : nil
    }

    /// Whether the jobs of a file have ended within the time that the server holds an answer; then their results are written.
    private func isDone(_ one: Waiting, _ file: SubmittedFile, _ remote: Remote) throws -> Bool {
        let id = one.entry.id
        guard one.entry.isBatch else {
            let fetched = try FetchedJob(id, plan.form, holding: Self.hold, from: remote)
            if fetched.isEnded { try finish(fetched, id, file, number: nil, remote) }
            return fetched.isEnded
        }
        let answer = try remote.get("/batches/\(id)?wait=\(Self.hold)", holding: Self.hold)
        if let problem = ServerProblem(answer) { throw problem }
        let batch = try BatchReply(answer.body, of: id)
        guard batch.isEnded else { return false }
        for (number, job) in batch.jobs.enumerated() {
            try finish(try FetchedJob(job.id, plan.form, from: remote), job.id, file, number: number + 1, remote)
        }
        return true
    }

    private func finish(
        _ fetched: FetchedJob, _ id: String, _ file: SubmittedFile, number: Int?, _ remote: Remote
    ) throws {
        guard fetched.result != nil else {
            state.withLock { _ = $0.codes.insert(.badData) }
            let status = fetched.job?.status.rawValue ?? "failed"
            return report.ended(file.path, job: id, status: status, reason: fetched.job?.reason, output: nil)
        }
        var path: String?
        if let output = plan.output, let result = try fetched.bytes(id, plan.form, from: remote) {
            let place = plan.form.file(of: file.name, number: number, in: output)
            try FetchedJob.write(result, plan.form, to: place)
            path = place
        }
        report.ended(
            file.path, job: id, status: "succeeded", reason: nil, output: path,
            gist: fetched.job?.result.flatMap { ResultGist($0) }, warnings: fetched.job?.warnings ?? [])
    }
}
