@testable import Jobs

extension Backlog {
    /// Returns once so many who follow or wait for jobs are asleep.
    func waitForSleepingWatchers(_ count: Int) async {
        while watchers.sleeping < count { await Task.yield() }
    }
}
