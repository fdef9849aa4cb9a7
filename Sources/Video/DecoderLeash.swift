import Platform
import Synchronization

/// By which a thread ends what another one decodes.
public final class DecoderLeash: Sendable {
    private let state = Mutex<(process: Subprocess?, isCut: Bool)>((nil, false))

    /// Nothing is decoded yet.
    public init() {}

    /// Whether what is decoded was ended by it.
    package var isCut: Bool { state.withLock(\.isCut) }

    /// Ends what is decoded, and at once whatever would be decoded from now on.
    public func cut() {
        let process = state.withLock { state in
            state.isCut = true
            defer { state.process = nil }
            return state.process
        }
        process?.kill()
    }

    /// From now on this process is what is ended.
    func hold(_ process: Subprocess) {
        let isCut = state.withLock { state in
            if !state.isCut { state.process = process }
            return state.isCut
        }
        if isCut { process.kill() }
    }
}
