import ArgumentParser
import Datasets
import Formats
import Platform
import Scoring
import TLS
import Tensors
import Training
import VadCLIP

/// An error that ends a command: its sentence and its exit code (sysexits).
struct Failure: Error, CustomStringConvertible {
    /// The exit codes, one rule for all of them: a file that is to be read and is not there, or can't be read, is
    /// `noInput`, whoever names it; what is in it and can't be used is `badData` where it is a model or features, and
    /// `configuration` where it says how Vigil is to run, as is a place that can't be written, or is another process's.
    /// A client has two more: a server that is not there, or not able to, is `unavailable`, and one that does not let it
    /// `noPermission`.
    enum Code: Int32, CaseIterable {
        case usage = 64
        case badData = 65
        case noInput = 66
        case unavailable = 69
        case `internal` = 70
        case noPermission = 77
        case configuration = 78
    }

    let code: Code
    let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// An error whose exit code is known; nil for those of the argument parser, and for faults of the system.
    init?(_ error: any Error) {
        guard let failure = Failure.classify(error) else { return nil }
        self = failure
    }

    /// Prints the one line that says what was wrong and ends the process.
    static func exit(with error: any Error) -> Never {
        LogLines.shared.giveUp()
        if error is CleanExit { VigilCommand.exit(withError: error) }
        if let code = error as? ExitCode { end(code.rawValue) }
        if let failure = Failure(error) {
            // A line of another form than the log's is none for whoever reads that.
            if LogLines.shared.form == .text {
                Terminal.note(failure.description)
            } else {
                LogLines.shared.add(.critical, failure.description, ["code": .stringConvertible(failure.code.rawValue)])
            }
            end(failure.code.rawValue)
        }
        let code = VigilCommand.exitCode(for: error)
        if code == .success { VigilCommand.exit(withError: error) }
        let help = CommandNames.help(for: CommandLine.arguments.dropFirst())
        let message = VigilCommand.message(for: error)
        Terminal.note(message + otherCommand(message) + " (\(help) shows the options)")
        end(code == .validationFailure ? Code.usage.rawValue : Code.internal.rawValue)
    }

    /// Whose option it is that was given to a command that has it not; nothing where that is not what was wrong.
    private static func otherCommand(_ message: String) -> String {
        guard message.begins(with: "Unknown option '") else { return "" }
        let name = String(message.pieces(between: UInt8(ascii: "'"))[1])
        return WrittenArguments.owner(of: name).map { ": it is one of \($0)" } ?? ""
    }

    /// Ends the process without what libraries have left to be done at exit: threads are still at work, and would use what
    /// that takes from under them.
    private static func end(_ code: Int32) -> Never {
        fflush(nil)
        _exit(code)
    }

    private static func classify(_ error: any Error) -> Failure? {
        switch error {
        case let failure as Failure: failure
        case let error as FileError: Failure(error.code, error.description)
        case let error as KernelsError: Failure(.configuration, error.description)
        case let error as TLSError: Failure(error.isAboutReading ? .noInput : .configuration, error.description)
        case let error as OptionError: Failure(.usage, error.description)
        case let error as DatasetError: Failure(error.kind == .noInput ? .noInput : .badData, error.description)
        case let error as ReplayError: Failure(error.isAboutInput ? .noInput : .badData, error.description)
        case let error as RunError: Failure(error.isSetting ? .usage : .badData, error.description)
        case let error as DataFaults: Failure(error.isMissing ? .noInput : .badData, error.description)
        case is CheckpointError, is SafetensorsError, is ModelError, is ArrayDecodingError, is FeatureError,
            is GzipError, is WeightError, is TrainingError:
            Failure(.badData, "\(error)")
        default: nil
        }
    }
}

extension ReplayError {
    /// Whether it is about a file that can't be read.
    fileprivate var isAboutInput: Bool { if case .unreadable = self { true } else { false } }
}

extension FileError {
    /// A file to be read that is not there, a place that can't be written, or a fault of the system.
    fileprivate var code: Failure.Code {
        switch self {
        case .noSuchFile, .notReadable, .notARegularFile: .noInput
        case .notWritable: .configuration
        case .failed: .internal
        }
    }
}

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
