import HTTP

/// Whom the service tells that a job has ended.
extension VigilService {
    /// Throws where a client's address can't be called.
    func check(callback: String) throws(HTTPProblem) {
        throw Problem.option(
            OptionError(
                name: "callback", problem: "callbacks are off here: an operator names the hosts that may be called"))
    }
}
