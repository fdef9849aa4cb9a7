@testable import Jobs

extension Backlog {
    /// Returns once so many who follow or wait for jobs are asleep.
    func waitForSleepingWatchers(_ count: Int) async {
        // A look goes through all of them, so there is one only now and then.
        while watchers.sleeping < count { for _ in 0..<count { await Task.yield() } }
    }
}
