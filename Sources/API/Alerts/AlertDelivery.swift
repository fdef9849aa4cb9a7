public import Alerts
public import Jobs
public import Logging
import Platform
public import Scoring
import Synchronization
import Telemetry

/// Tells the server's own places of the segments of jobs that name a camera, at least once: while a job runs, as its chunks are
/// scored, and what is left once it has ended. What is left, and how far each place has been told, is in the store, so that a
/// process that ends takes nothing with it.
public final class AlertDelivery: JobObserver {
    private struct State {
        /// Jobs that run and have a chunk that is scored, and are not followed yet.
        var begun: Set<JobID> = []
        /// Who is told while the job runs. Whoever tells of its end waits for that.
        var live: [AlertKey: Latch<Void>] = [:]
        /// Notes in hand.
        var inHand: Set<AlertKey> = []
        var standings = PlaceStandings()
    }

    /// Notes of one place that are in hand at a time.
    private static let handful = 4
    /// Jobs that are followed while they run, for each place.
    private static let mostLive = 32
    /// The longest pause between two looks.
    private static let pause = Duration.seconds(1)
    /// The longest that a job is waited for at a time.
    private static let longestWait = Duration.seconds(60)
    /// What is older is given up.
    private static let patience = Duration.seconds(86_400)

    private let places: [any AlertPlace]
    private let filter: AlertFilter
    private let telemetry: JobTelemetry?
    private let logger: Logger
    private let state = Mutex(State())
    private let begun = BegunAlerts()
    private let ring = Mutex<(@Sendable () -> Void)?>(nil)

    /// Tells `places` of the segments that `filter` has.
    public init(
        to places: [any AlertPlace], _ filter: AlertFilter = AlertFilter(), telemetry: JobTelemetry? = nil,
        logger: Logger
    ) {
        self.places = places
        self.filter = filter
        self.telemetry = telemetry
        self.logger = logger
        telemetry?.follow { [weak self] in self?.away ?? [] }
    }

    /// The places' names, which a job is stored with.
    public var names: [String] { places.map(\.name) }

    /// The places that can't be told now.
    private var away: [String] {
        let standings = state.withLock(\.standings)
        return places.indices.filter { standings.rests($0) || !places[$0].isReachable }.map { places[$0].name }
    }

    /// A chunk of a job that names a camera is about to be there. Called on a worker's thread: it takes a lock for a moment.
    public func chunkScored(of job: JobID) {
        let isNews = state.withLock { state in
            guard state.begun.count < Self.mostLive else { return false }
            for place in places.indices where state.live[AlertKey(job: job, place: place)] == nil {
                return state.begun.insert(job).inserted
            }
            return false
        }
        if isNews { wake() }
    }

    /// A place can be told again.
    public func reached(_ name: String) {
        state.withLock { state in
            for (place, one) in places.enumerated() where one.name.hasBytes(of: name) {
                state.standings.reached(place)
            }
        }
        wake()
    }

    /// A job is removed: for whom something of it has begun, that ends.
    public func forgot(_ job: JobID) { if begun.forget(job) { wake() } }

    private func wake() { ring.withLock(\.self)?() }

    /// Goes on until the task is cancelled.
    public func run(_ scoring: ScoringService) async {
        let backlog = scoring.backlog
        ring.withLock { $0 = { backlog.ringForAlerts() } }
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                for (key, latch) in beginLive() {
                    group.addTask {
                        await self.follow(key.job, for: key.place, scoring)
                        // It may have gone while its begin was on its way.
                        if await self.isGone(key.job, backlog) { self.forgot(key.job) }
                        self.state.withLock { $0.live[key] = nil }
                        latch.close(with: ())
                    }
                }
                for ending in begun.take(where: { mayTell($0, at: backlog.now) }) {
                    group.addTask { await self.end(ending, at: backlog.now) }
                }
                let notes = await take(from: backlog)
                for (note, place, live) in notes {
                    group.addTask {
                        await live?.value()
                        let verdict = await self.deliver(note, to: place, scoring)
                        self.state.withLock { state in
                            let key = AlertKey(job: note.job.id, place: place)
                            state.inHand.remove(key)
                            if verdict == .settled { state.standings.settle(key) }
                        }
                        if verdict == .settled {
                            self.hasBegun(nil, token: nil, of: note.job.id, for: place)
                        }
                        await self.settle(note, verdict, backlog)
                        backlog.ringForAlerts()
                    }
                }
                if notes.isEmpty { await backlog.waitForAlert(atMost: Self.pause) }
            }
            group.cancelAll()
        }
    }

    /// The jobs that are to be followed from now on.
    private func beginLive() -> [(AlertKey, Latch<Void>)] {
        state.withLock { state in
            defer { state.begun = [] }
            var all: [(AlertKey, Latch<Void>)] = []
            for job in state.begun {
                for place in places.indices {
                    let key = AlertKey(job: job, place: place)
                    guard state.live[key] == nil, !state.inHand.contains(key) else { continue }
                    guard state.live.count < Self.mostLive * places.count else { continue }
                    let latch = Latch<Void>()
                    state.live[key] = latch
                    all.append((key, latch))
                }
            }
            return all
        }
    }

    private func take(from backlog: Backlog) async -> [(AlertNote, place: Int, live: Latch<Void>?)] {
        var taken: [(AlertNote, place: Int, live: Latch<Void>?)] = []
        guard backlog.waitingAlerts != 0 else { return [] }
        for place in places.indices where mayTell(place, at: backlog.now) {
            let room = Self.handful - state.withLock { state in state.inHand.count { $0.place == place } }
            guard room > 0 else { continue }
            let notes: [AlertNote]
            do { notes = try await backlog.takeAlerts(for: places[place].name, limit: room) } catch {
                logger.error("alerts can't be looked up", metadata: ["error": "\(error)"])
                continue
            }
            for note in notes {
                let key = AlertKey(job: note.job.id, place: place)
                let live = state.withLock { state -> (isMine: Bool, latch: Latch<Void>?) in
                    (state.inHand.insert(key).inserted, state.live[key])
                }
                if live.isMine { taken.append((note, place, live.latch)) }
            }
        }
        return taken
    }

    private func mayTell(_ place: Int, at now: MonotonicTime) -> Bool {
        places[place].isReachable && state.withLock { $0.standings.mayTell(place, at: now) }
    }

    /// Remembers what goes on for a place; nil where nothing does.
    func hasBegun(_ alert: Alert?, token: String?, of job: JobID, for place: Int) {
        begun.note(alert, token: token, of: AlertKey(job: job, place: place))
    }

    private func isGone(_ job: JobID, _ backlog: Backlog) async -> Bool {
        do { return try await backlog.job(job) == nil } catch { return false }
    }

    /// When a place is looked at again that could not be told.
    private func nextTry(of place: Int, at now: MonotonicTime) -> MonotonicTime {
        max(state.withLock { $0.standings.nextTry(of: place) } ?? now, now + Self.pause)
    }

    private func settle(_ note: AlertNote, _ verdict: CallbackVerdict, _ backlog: Backlog) async {
        do { try await backlog.settleAlert(of: note.job.id, for: note.place, verdict) } catch {
            logger.error(
                "what came of alerts can't be written", metadata: ["job": "\(note.job.id)", "error": "\(error)"])
        }
    }
}

/// Telling.
extension AlertDelivery {
    /// What is told of one job to one place, and how far that has come.
    private struct Telling {
        let job: Job
        let place: Int
        var mark: AlertMark
        /// Whether the job runs: its scores may never be there again, so that each step is written down before it is done.
        let isLive: Bool
    }

    /// A place was not told, and what is left has to wait.
    private struct NotNow: Error {
        /// How long this waits; nil where the place is left alone, and all of its notes are.
        let own: Duration?
        var isOfJob: Bool { own != nil }
    }

    /// Follows a job while it runs, and tells what has begun and is over by then.
    private func follow(_ id: JobID, for place: Int, _ scoring: ScoringService) async {
        guard let job = try? await scoring.backlog.job(id), !job.status.isEnded,
            job.alerts.contains(where: { $0.hasBytes(of: places[place].name) })
        else { return }
        let mark = try? await scoring.backlog.alertMark(of: id, for: places[place].name)
        var telling = Telling(
            job: job, place: place, mark: AlertMark(coded: mark ?? nil, of: job), isLive: true)
        var tale = AlertTale(of: job, filter)
        var follower = JobFollower(of: job, from: 0, in: scoring, for: "alerts") {}
        var untold: [Alert] = []
        while !Task.isCancelled {
            // What a place has yet to hear waits for the place, and not for the job to go on.
            let now = scoring.backlog.now
            let next = untold.isEmpty ? now + Self.longestWait : nextTry(of: place, at: now)
            guard let news = try? await follower.next(waitingUntil: next) else { return }
            switch news {
            case .job(let job): if job.status.isEnded { return }
            case .chunk(let chunk):
                guard let alerts = tale.take(chunk) else { return }
                untold += alerts
                follower.advance()
            case .settled, .woken: break
            case .crowded, .ended, .gone, .left: return
            }
            // More than that is left until the job has ended, as it is where it ends first.
            guard untold.count <= 256 else { return }
            guard !untold.isEmpty, mayTell(place, at: scoring.backlog.now) else { continue }
            do { try await tell(&untold, &telling, scoring.backlog) } catch {
                // What the place does not take, though it takes others, is left until the job has ended.
                if let error = error as? NotNow, error.isOfJob { return }
            }
        }
    }

    /// Tells what is left of a job that has ended.
    private func deliver(_ note: AlertNote, to place: Int, _ scoring: ScoringService) async -> CallbackVerdict {
        let job = note.job
        let metadata: Logger.Metadata = ["job": "\(job.id)", "place": "\(note.place)"]
        guard note.age < Self.patience else {
            telemetry?.alerted(place: note.place, .givenUp)
            logger.warning("alerts were given up after a day", metadata: metadata)
            return .settled
        }
        do {
            let mark = try await scoring.backlog.alertMark(of: job.id, for: note.place)
            var telling = Telling(job: job, place: place, mark: AlertMark(coded: mark, of: job), isLive: false)
            var alerts = try await all(of: job, scoring)
            try await tell(&alerts, &telling, scoring.backlog)
            // Other settings, another model or no result: what has begun ends all the same.
            if var end = telling.mark.open {
                end.phase = .end
                end.reason = job.status == .succeeded ? "changed" : job.status.rawValue
                var last = [end]
                try await tell(&last, &telling, scoring.backlog)
            }
            return .settled
        } catch let error as NotNow {
            // Until the place is to be tried again, none of its notes is taken.
            return .retry(after: error.own ?? .seconds(1))
        } catch {
            if Task.isCancelled { return .untried }
            logger.warning(
                "alerts can't be made and are tried again", metadata: metadata.merging(["error": "\(error)"]) { $1 })
            return .retry(after: .seconds(30))
        }
    }

    /// All that there is to tell of a job that has ended.
    private func all(of job: Job, _ scoring: ScoringService) async throws -> [Alert] {
        guard job.status == .succeeded else { return [] }
        var tale = AlertTale(of: job, filter)
        var follower = JobFollower(of: job, from: 0, in: scoring, for: "alerts") {}
        var alerts: [Alert] = []
        while true {
            switch try await follower.next(waitingUntil: scoring.backlog.now + Self.longestWait) {
            case .chunk(let chunk):
                guard let more = tale.take(chunk) else { return alerts }
                alerts += more
                follower.advance()
            case .ended: return alerts + tale.finish()
            case .gone: return []
            case .left: throw CancellationError()
            case .job, .settled, .woken, .crowded: continue
            }
        }
    }

    /// Tells what was not told yet, in order, and takes it from the list; throws where the place can't be told now.
    private func tell(_ alerts: inout [Alert], _ telling: inout Telling, _ backlog: Backlog) async throws {
        while let first = alerts.first {
            guard AlertMark.position(of: first) > telling.mark.position else {
                alerts.removeFirst()
                continue
            }
            var together = [first]
            if first.phase == .begin, alerts.count > 1, alerts[1].phase == .end, alerts[1].start == first.start {
                together.append(alerts[1])
            }
            if first.phase == .begin, together.count == 1 {
                telling.mark.open = first
                try await write(telling, backlog)
            }
            let answer = try await send(together, telling, at: backlog.now)
            alerts.removeFirst(together.count)
            telling.mark.position = together.map(AlertMark.position).max() ?? telling.mark.position
            (telling.mark.open, telling.mark.token) =
                together.last?.phase == .begin ? (first, answer.token) : (nil, nil)
            hasBegun(telling.mark.open, token: telling.mark.token, of: telling.job.id, for: telling.place)
            if telling.isLive || telling.mark.open != nil { try await write(telling, backlog) }
            for _ in together { telemetry?.alerted(place: places[telling.place].name, answer.outcome) }
        }
    }

    private func write(_ telling: Telling, _ backlog: Backlog) async throws {
        try await backlog.setAlertMark(telling.mark.coded, of: telling.job.id, for: places[telling.place].name)
    }

    /// Tells the place once; what it refuses counts as told.
    private func send(
        _ alerts: [Alert], _ telling: Telling, at now: MonotonicTime
    ) async throws(NotNow) -> (outcome: Family.AlertOutcome, token: String?) {
        let place = places[telling.place]
        let metadata: Logger.Metadata = [
            "job": "\(telling.job.id)", "place": "\(place.name)", "segment": "\(alerts.first?.segment ?? "")",
        ]
        switch await place.tell(alerts, token: telling.mark.token) {
        case .told(let token):
            state.withLock { $0.standings.told(telling.place) }
            logger.debug("an alert was told", metadata: metadata)
            return (.told, token)
        case .refused(let reason):
            state.withLock { $0.standings.told(telling.place) }
            logger.warning("an alert was not taken", metadata: metadata.merging(["reason": "\(reason)"]) { $1 })
            return (.refused, nil)
        case .failed(let reason, let asked):
            telemetry?.alerted(place: place.name, .failed)
            let failure = state.withLock {
                $0.standings.fail(AlertKey(job: telling.job.id, place: telling.place), asked, at: now)
            }
            let more = metadata.merging(["reason": "\(reason)"]) { $1 }
            switch failure {
            case .ofPlace(isFirst: true): logger.warning("alerts can't be told and wait", metadata: more)
            case .ofPlace: logger.debug("alerts can't be told and wait", metadata: more)
            case .ofJob(let delay):
                logger.debug("an alert can't be told and waits, while others are", metadata: more)
                throw NotNow(own: delay)
            }
            throw NotNow(own: nil)
        }
    }

    /// Tells that something is over whose job was removed.
    private func end(_ ending: BegunAlerts.Ending, at now: MonotonicTime) async {
        let name = places[ending.place].name
        switch await places[ending.place].tell([ending.alert], token: ending.token) {
        case .told:
            state.withLock { $0.standings.told(ending.place) }
            telemetry?.alerted(place: name, .told)
        case .refused: telemetry?.alerted(place: name, .refused)
        case .failed(_, let asked):
            telemetry?.alerted(place: name, .failed)
            begun.putBack(ending)
            guard let job = JobID(ending.alert.job) else { return }
            state.withLock { _ = $0.standings.fail(AlertKey(job: job, place: ending.place), asked, at: now) }
        }
    }
}
