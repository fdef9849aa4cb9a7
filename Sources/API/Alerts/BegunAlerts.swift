import Alerts
import Jobs
import Synchronization

/// What places were told has begun, as far as this process has told it: it ends for them also where its job is removed before.
final class BegunAlerts: Sendable {
    /// An end that is to be told though there is no job any more.
    struct Ending: Sendable {
        let place: Int
        let alert: Alert
        let token: String?
        var tries = 0
    }

    private struct State {
        var begun: [JobID: [Int: (alert: Alert, token: String?)]] = [:]
        var forgotten: [Ending] = []
    }

    /// Jobs, and ends, that are remembered.
    private static let most = 4_096
    /// What was tried more often is given up: with a minute between tries that is a day.
    private static let mostTries = 1_440

    private let state = Mutex(State())

    /// Notes what goes on for a place; nil where nothing does.
    func note(_ alert: Alert?, token: String?, of key: AlertKey) {
        state.withLock { state in
            guard let alert else {
                state.begun[key.job]?[key.place] = nil
                if state.begun[key.job]?.isEmpty == true { state.begun[key.job] = nil }
                return
            }
            guard state.begun[key.job] != nil || state.begun.count < Self.most else { return }
            state.begun[key.job, default: [:]][key.place] = (alert, token)
        }
    }

    /// A job is no more; says whether there is something to tell of that.
    func forget(_ job: JobID) -> Bool {
        state.withLock { state in
            guard let places = state.begun.removeValue(forKey: job) else { return false }
            for (place, one) in places where state.forgotten.count < Self.most {
                var end = one.alert
                (end.phase, end.reason) = (.end, "deleted")
                state.forgotten.append(Ending(place: place, alert: end, token: one.token))
            }
            return true
        }
    }

    /// The ends that places can be told of now; who takes them tells them, or puts them back.
    func take(where mayTell: (Int) -> Bool) -> [Ending] {
        state.withLock { state in
            guard !state.forgotten.isEmpty else { return [] }
            var taken: [Ending] = []
            state.forgotten.removeAll { ending in
                guard mayTell(ending.place) else { return false }
                taken.append(ending)
                return true
            }
            return taken
        }
    }

    /// One that could not be told.
    func putBack(_ ending: Ending) {
        var ending = ending
        ending.tries += 1
        guard ending.tries < Self.mostTries else { return }
        state.withLock { [ending] in $0.forgotten.append(ending) }
    }
}
