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
