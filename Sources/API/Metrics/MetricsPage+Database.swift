import Jobs
import Platform
import Telemetry

/// What is told of a database that several servers share.
extension Registry where Reading == MetricsPage.Reading {
    mutating func addDatabase() {
        add(.databaseServers) { reading, text in
            for state in Family.ServerState.allCases {
                text.sample(.databaseServers, [state.rawValue], reading.servers(state))
            }
        }
        add(.databaseSnapshot, ofPressure: { $0.snapshotAge })
        add(.databaseTransaction, ofPressure: { Int($0.oldestTransaction.wholeNanoseconds) })
        add(.databaseSlots) { reading, text in
            for state in Family.SlotState.allCases {
                let pressure = reading.standing?.pressure
                let slots = state == .idle ? pressure?.idleSlots : pressure.map { $0.slots - $0.idleSlots }
                text.sample(.databaseSlots, [state.rawValue], slots ?? 0)
            }
        }
        add(.databaseSlotBytes, ofPressure: { $0.slotBytes })
        add(.databaseDeadRows, ofPressure: { $0.deadRows })
        add(.databaseStandbys, ofPressure: { $0.synchronousStandbys })
    }

    /// Where there is no database, or it does not answer, a zero would look like good news.
    private mutating func add(
        _ family: Family, ofPressure value: @escaping @Sendable (SharedStanding.Pressure) -> Int
    ) {
        add(family) { reading, text in
            if let pressure = reading.standing?.pressure {
                text.sample(family, [], value(pressure))
            } else {
                text.sample(family, of: .nan)
            }
        }
    }
}

extension MetricsPage.Reading {
    /// How many servers say so of themselves.
    fileprivate func servers(_ state: Family.ServerState) -> Int {
        guard let standing else { return state == (isAccepting ? .serving : .draining) ? 1 : 0 }
        return standing.servers.count { server in
            if standing.isSilent(server) { return state == .silent }
            return state == (server.activity.isDraining ? .draining : .serving)
        }
    }
}
