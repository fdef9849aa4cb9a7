import ArgumentParser
import Formats
import HTTPClient
import Platform
import Scoring
import Tensors

/// What is asked of the server, and what a good answer is.
struct LoadTarget: Sendable {
    /// What requests are for.
    enum Kind: String, ExpressibleByArgument, CaseIterable, Sendable { case score, livez }
    /// The form of a result.
    enum Form: String, ExpressibleByArgument, CaseIterable, Sendable {
        case npy, json

        var mediaType: String { self == .npy ? "application/x-npy" : "application/json" }
    }

    /// Different videos, as far as they are not too much to hold.
    private static let videos = 8
    private static let mostBytes = 128 << 20
    private static let succeeded = Array("\"status\":\"succeeded\"".utf8)

    /// Snippets of a video; nil where none is sent.
    let snippets: Int?
    /// What the first message has in it.
    let features: Matrix?
    private let messages: [[UInt8]]
    private let form: Form

    /// GET /livez: the HTTP server alone.
    static func livez(of server: ServerURL) -> LoadTarget {
        LoadTarget(
            snippets: nil, features: nil, messages: [HTTPClient.message("GET", "/livez", to: server)], form: .json)
    }

    /// POST /score with a video of so many snippets; the answer is held until it is scored.
    static func score(
        snippets: Int, width: Int, clients: Int, form: Form, of server: ServerURL, key: KeyFile? = nil
    ) -> LoadTarget {
        let fields: [(name: String, value: String)] =
            [("Content-Type", "application/x-npy"), ("Accept", form.mediaType), ("Prefer", "wait=60")]
            + (key.map { [$0.field] } ?? [])
        let count = max(1, min(clients, videos, mostBytes / (4 * snippets * width)))
        let videos = (0..<count).map { _ in BenchModel.features(snippets: snippets, width: width) }
        let messages = videos.map {
            HTTPClient.message(
                "POST", "/score", to: server, fields: fields,
                body: NPYWriter.encode($0.values, rows: snippets, columns: width))
        }
        return LoadTarget(snippets: snippets, features: videos[0], messages: messages, form: form)
    }

    /// Sends the request of client `index` and judges the answer.
    func exchange(_ index: Int, by client: HTTPClient) throws(ClientError) -> LoadExchange {
        let message = messages[index % messages.count]
        let answer = try client.exchange(message)
        return LoadExchange(outcome: judge(answer), sent: message.count, received: answer.received)
    }

    /// A result comes with 200 in the form that was asked for; a job that failed comes as JSON.
    func judge(_ answer: Answer) -> LoadOutcome {
        guard answer.status == 200 else { return .refused(status: answer.status) }
        guard snippets != nil else { return .answered }
        guard answer.contentType == form.mediaType else { return .failed }
        return form == .npy || Self.hasSucceeded(answer.body) ? .answered : .failed
    }

    /// Whether a job's document says so; its status is near the beginning.
    private static func hasSucceeded(_ body: [UInt8]) -> Bool {
        let head = body.prefix(256)
        return head.indices.contains { head[$0...].starts(with: succeeded) }
    }
}

/// A file that holds an API key for requests.
struct KeyFile {
    private static let maxBytes = 4_096

    let path: String
    /// The field that shows the key to a server.
    let field: (name: String, value: String)

    /// Reads the key, the only line of the file.
    ///
    /// - Parameter place: what names the file
    init(_ path: String, calling place: String = "--key-file") throws {
        if let reason = InputFile.fault(path) { throw Failure(.noInput, "\(place) \(path): \(reason)") }
        let file: SmallFile
        do throws(SmallFile.Failure) { file = try SmallFile(path, maxBytes: Self.maxBytes) } catch {
            throw Failure(.configuration, "\(place) \(error); expected one line, the API key")
        }
        let text = String(validating: file.bytes, as: UTF8.self)
        let key = text.map { GivenValue.trimmed($0) } ?? ""
        guard text == nil || !key.isEmpty else {
            throw Failure(.configuration, "\(place) \(path): it is empty; expected one line, the API key")
        }
        guard let field = Self.field(key) else {
            throw Failure(.configuration, "\(place) \(path): expected one line, the API key, with no blanks in it")
        }
        (self.path, self.field) = (path, field)
    }

    /// A key that a setting gives.
    init(key: String, from setting: String) throws {
        guard let field = Self.field(key) else {
            throw Failure(.configuration, "\(setting): expected an API key, with no blanks in it")
        }
        (path, self.field) = (setting, field)
    }

    private static func field(_ key: String) -> (name: String, value: String)? {
        guard !key.isEmpty, key.utf8.count <= maxBytes, key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return nil
        }
        return ("Authorization", "Bearer \(key)")
    }
}
