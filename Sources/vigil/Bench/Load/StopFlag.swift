import Dispatch
import Platform
import Synchronization

/// Says that the measuring is to end early.
final class StopFlag: Sendable {
    private let value = Atomic(false)

    var isSet: Bool { value.load(ordering: .relaxed) }

    /// A flag that the first SIGINT sets; the second one ends the process as ever.
    static func onInterrupt() -> (flag: StopFlag, source: any DispatchSourceSignal) {
        let flag = StopFlag()
        signal(SIGINT, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler {
            flag.value.store(true, ordering: .relaxed)
            signal(SIGINT, SIG_DFL)
        }
        source.activate()
        return (flag, source)
    }
}
