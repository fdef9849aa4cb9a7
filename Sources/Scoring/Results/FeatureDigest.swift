import Formats
import Platform
import Synchronization

/// The SHA-256 of a job's features, in hexadecimal, which may be computed after the job was handed in.
///
/// So a job need not wait for it: who hands it in asks for the text while a worker has begun.
package final class FeatureDigest: Sendable {
    private enum State: Sendable {
        case known(String)
        case unknown(@Sendable () -> String)
    }

    private let state: Mutex<State>

    /// A digest that is known.
    package init(_ text: String) { state = Mutex(.known(text)) }

    /// A digest that the first who asks computes, on its thread; `compute` is called once and then let go.
    package init(computing compute: @escaping @Sendable () -> String) { state = Mutex(.unknown(compute)) }

    /// The digits. Whoever asks while they are being computed waits.
    package var text: String {
        state.withLock { state in
            switch state {
            case .known(let text): return text
            case .unknown(let compute):
                let text = compute()
                state = .known(text)
                return text
            }
        }
    }
}

extension FeatureDigest: Equatable {
    /// Whether the digits are the same.
    package static func == (left: FeatureDigest, right: FeatureDigest) -> Bool {
        left === right || left.text == right.text
    }
}

/// SHA-256 of what tells one request from another, in hexadecimal.
enum Digest {
    static func of(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { SHA256.hexDigest(of: $0) } }

    /// Of texts, each with its length, so that none runs into the next.
    static func of(_ texts: [String]) -> String {
        of(texts.flatMap { Array("\($0.utf8.count):".utf8) + Array($0.utf8) })
    }
}

extension String {
    /// SHA-256 of the text, as far as it takes to tell it from others.
    package var digest: String { String(Digest.of(Array(utf8)).prefix(20)) }
}

extension DecodedArray {
    /// SHA-256 of the values as float32, little-endian, row after row: the same for the same numbers in any format.
    public var digest: String {
        #if _endian(little)
            return values.withUnsafeBytes { SHA256.hexDigest(of: $0) }
        #else
            return values.map(\.bitPattern.littleEndian).withUnsafeBytes { SHA256.hexDigest(of: $0) }
        #endif
    }
}
