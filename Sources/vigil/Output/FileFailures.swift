import ArgumentParser

/// The files of a command that could not be read while the others were: each is told as it happens, all at the end.
struct FileFailures {
    private let count: Int
    private var failed: [(file: String, code: Failure.Code)] = []

    /// - Parameter count: how many files were named
    init(of count: Int) { self.count = count }

    /// Tells what was wrong with a file; throws what is about no file, and what there is nothing to go on after.
    mutating func add(_ error: any Error, of file: String) throws {
        guard count > 1, let failure = Failure(error), failure.code == .badData || failure.code == .noInput else {
            throw error
        }
        Terminal.note(failure.description)
        failed.append((file, failure.code))
    }

    /// Ends the command where a file failed: with 66 if all that failed could not be opened, with 65 if one is bad.
    func end() throws {
        guard !failed.isEmpty else { return }
        let names = failed.prefix(20).map(\.file).joined(separator: ", ")
        let more = failed.count > 20 ? " and \(failed.count - 20) more" : ""
        Terminal.note("\(failed.count) of \(count) files failed: \(names)\(more)")
        let isBad = failed.contains { $0.code == .badData }
        throw ExitCode((isBad ? Failure.Code.badData : .noInput).rawValue)
    }
}
