import Formats
import JSON

/// What stands beside `features` in a JSON file: parameters, where it is the upload's only file.
struct FileMembers {
    var members: [JSONValue.Member] = []
    /// Where there was more than parameters can be.
    var fault: (name: String, error: ArrayDecodingError)?

    /// Their names, as far as they are known.
    var names: [String] { members.map(\.name) + (fault.map { [$0.name] } ?? []) }

    /// All of them as parameters.
    func parameters() throws(ArrayDecodingError) -> [Parameter] {
        if let fault { throw fault.error }
        return members.map { Parameter($0.name, .json($0.value)) }
    }
}
