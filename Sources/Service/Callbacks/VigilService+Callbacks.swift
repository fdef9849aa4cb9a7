import HTTP

/// Callbacks to clients.
extension VigilService {
    /// Throws where a client's address can't be called.
    func check(callback: String) throws(HTTPProblem) {
        do throws(OptionError) {
            guard let callbacks = settings.callbacks else {
                throw OptionError(
                    name: "callback",
                    problem: "callbacks are off here; an operator allows hosts by --callback-hosts")
            }
            try callbacks.check(callback)
        } catch {
            throw Problem.option(error)
        }
    }

    /// Delivers callbacks until the task is cancelled.
    public func deliverCallbacks() async { await settings.callbacks?.run(backlog) }
}
