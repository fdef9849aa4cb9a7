import Dispatch
import Platform
import Synchronization

/// Says that a command is to end early, after what it is at.
final class StopFlag: Sendable {
    private let value = Atomic<Int32>(0)

    var isSet: Bool { signal != 0 }
    /// The signal that set it; 0 for none.
    var signal: Int32 { value.load(ordering: .relaxed) }

    /// A flag that the first of some signals sets; the second one ends the process as ever.
    /// None of them is lost that comes once this has returned.
    static func on(_ signals: Int32...) -> (flag: StopFlag, sources: [any DispatchSourceSignal]) {
        let flag = StopFlag()
        let listening = DispatchGroup()
        let sources = signals.map { number in
            Platform.signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                flag.value.store(number, ordering: .relaxed)
                Platform.signal(number, SIG_DFL)
            }
            listening.enter()
            source.setRegistrationHandler { listening.leave() }
            source.activate()
            return source
        }
        listening.wait()
        return (flag, sources)
    }
}
