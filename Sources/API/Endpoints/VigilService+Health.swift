import Engine
import HTTP
import HTTPTypes
import JSON
import Jobs
import Scoring

/// `/livez`, `/readyz`, `/healthz`: what an orchestrator asks, with the reasons.
extension VigilService {
    /// One thing that was looked at.
    private struct Check {
        let name: String
        let isFine: Bool
        let detail: String
    }

    /// What an answer of `live` depends on where nothing is wrong.
    struct LiveState: Sendable, Equatable {
        let isDetailed: Bool
        let hasDrained: Bool
        let workers: Int
        let alive: Int
        let busy: Int
    }

    /// The process can do its work. Stays fine while draining.
    ///
    /// Orchestrators and load balancers ask this most of all, so the last answer is kept for as long as it is true.
    ///
    /// - Parameter detailed: whether the client may see what was found, as of the others.
    func live(detailed: Bool) -> Response {
        let health = scoring.health
        guard health.stuck(longerThan: settings.stuckAfter).isEmpty else {
            return answer([workers(health)], detailed: detailed)
        }
        let state = LiveState(
            isDetailed: detailed, hasDrained: scoring.hasDrained, workers: health.workers,
            alive: health.alive, busy: health.busy)
        return lastLive.withLock { last in
            if let last, last.state == state { return last.answer }
            let made = answer([workers(health)], detailed: detailed)
            last = (state, made)
            return made
        }
    }

    /// The service takes jobs.
    func ready(detailed: Bool) async -> Response {
        let store = await store()
        return answer([await modelCheck(), store, accepting(store, await trials)], detailed: detailed)
    }

    /// Both.
    func healthy(detailed: Bool) async -> Response {
        let store = await store()
        return answer([workers, await modelCheck(), store, accepting(store, await trials)], detailed: detailed)
    }

    /// What ``ready(detailed:)`` says, by what was found when it was asked last; where that is long ago it is looked at anew,
    /// for whoever asks next. Nobody waits for a disk here.
    var isReady: Bool {
        if lastStore.isDue(at: scoring.backlog.now) { Task { _ = await store() } }
        return refusal == nil && lastStore.isFine(at: scoring.backlog.now)
    }

    private var workers: Check { workers(scoring.health) }

    private func workers(_ health: PoolHealth) -> Check {
        if scoring.hasDrained {
            return Check(name: "workers", isFine: true, detail: "ended, the service is leaving")
        }
        let stuck = health.stuck(longerThan: settings.stuckAfter)
        if let first = stuck.first {
            return Check(
                name: "workers", isFine: false,
                detail: "worker \(first.worker) is at one chunk of job \(first.job) for "
                    + "\(Int(first.elapsed.milliseconds / 1_000)) s")
        }
        return Check(
            name: "workers", isFine: health.alive == health.workers,
            detail: "\(health.alive) of \(health.workers) alive, \(health.busy) busy")
    }

    /// A model whose self-test fails is never served, so where this code runs it has passed. Jobs of other models may wait
    /// for them as long as they like.
    private func modelCheck() async -> Check {
        let waiting = (try? await scoring.backlog.waitingJobs()) ?? []
        let absent = (scoring.library?.absent ?? []).map { "'\($0.name)' is not served: \($0.reason)" }
        let others = waiting.compactMap { waiting -> String? in
            let jobs = "; \(waiting.jobs) \(waiting.jobs == 1 ? "job waits" : "jobs wait")"
            guard waiting.kind == nil else {
                return scoring.reasonOfVideos.map { "\(jobs) for a server that decodes videos: \($0)" }
            }
            return "\(jobs) for \(waiting.model), which is not served"
                + (scoring.reason(missing: waiting.model).map { " (\($0))" } ?? "")
        }
        return Check(
            name: "model", isFine: true,
            detail: (scoring.models.all.map(Self.selfTest) + absent).joined(separator: "; ") + others.joined())
    }

    private static func selfTest(of version: ModelVersion) -> String {
        "self-test of '\(version.name)' passed with the \(version.model.kernels.described) kernels"
            + (version.model.info.caution.map { " (\($0))" } ?? "")
    }

    private func store() async -> Check {
        let backlog = scoring.backlog
        let look = lastStore.begin(at: backlog.now)
        do {
            try await backlog.checkStore()
            lastStore.end(look, isFine: true, at: backlog.now)
            return Check(name: "store", isFine: true, detail: "\(backlog.storeSummary), with room for results")
        } catch {
            lastStore.end(look, isFine: false, at: backlog.now)
            return Check(name: "store", isFine: false, detail: error.description)
        }
    }

    /// Why nothing is taken, whatever the store has to say; nil where that is asked alone.
    private var refusal: String? {
        if let audit = settings.audit, audit.isRequired, audit.log.isFailing { return "the audit log can't be written" }
        return scoring.backlog.admission() == .draining ? "draining" : nil
    }

    private func accepting(_ store: Check, _ trials: String) -> Check {
        if let refusal { return Check(name: "accepting", isFine: false, detail: refusal) }
        return Check(
            name: "accepting", isFine: store.isFine,
            detail: store.isFine ? "taking jobs" + trials : "no jobs are taken, as the store has it")
    }

    /// Which jobs that ran when a process ended are tried, or are to be; they hold up the others.
    private var trials: String {
        get async {
            let alone = scoring.health.alone.map {
                "; job \($0), which ran when the process ended, is worked on alone, and the others wait for it"
            }
            let waiting = ((try? await scoring.backlog.census()) ?? nil)?.suspects ?? 0
            guard waiting > 0 else { return alone ?? "" }
            let more = waiting == 1 ? "1 job" : "\(waiting) jobs"
            return (alone ?? "")
                + "; \(more) that ran when the process ended \(waiting == 1 ? "waits" : "wait") to be tried alone"
        }
    }

    private func answer(_ checks: [Check], detailed: Bool) -> Response {
        let isFine = checks.allSatisfy(\.isFine)
        let body = JSONWriter.document { json in
            json.object { json in
                json.member("status", isFine ? "ok" : "failing")
                json.key("checks")
                json.array(checks) { json, check in
                    json.object { json in
                        json.member("name", check.name)
                        json.member("ok", check.isFine)
                        // Paths, free space, ids of jobs: for those who may use the service.
                        if detailed { json.member("detail", check.detail) }
                    }
                }
            }
        }
        var fields: HTTPFields = [.cacheControl: "no-store"]
        if !isFine { fields[.retryAfter] = "5" }
        return .json(body, status: isFine ? .ok : .serviceUnavailable, fields: fields)
    }
}
