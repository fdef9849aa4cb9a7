import JSON
import Platform
import PostgresStore

extension StoreReport {
    /// A line a fact.
    func text(_ place: String) -> [UInt8] {
        var lines = [isWhole ? "\(place) is whole: \(jobs) jobs" : "\(place): not all is as it should be"]
        lines += faults.map { "fault: \($0)" } + told.map(\.text)
        lines += notes.map { "note: \($0)" }
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// An object of the same.
    func json(_ place: String) -> [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("database", place)
                json.member("whole", isWhole)
                json.member("jobs", jobs)
                json.member("faults", faults)
                json.member("notes", notes)
                json.member(told)
            }
        }
    }

    private var told: [ToldDamage] { damages.map { ToldDamage(reason: $0.reason, job: $0.job) } }
}

extension StoreStatistics {
    /// A line a fact.
    func text(_ place: String) -> [UInt8] {
        func mebibytes(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }
        func seconds(_ milliseconds: Int) -> String { "\(milliseconds / 1_000) s" }
        var lines = [
            "\(place): PostgreSQL \(version)",
            "jobs: " + (jobs.isEmpty ? "none" : JobsByStatus(jobs).text),
            "waiting: \(queuedParts) parts, the oldest for \(seconds(oldestWait)); \(callbacks) callbacks",
            "size: \(mebibytes(bytes)), jobs \(mebibytes(jobsBytes)), inputs \(mebibytes(inputsBytes)), "
                + "results \(mebibytes(resultsBytes)), in \(partitions) partitions",
            "dead rows of jobs: \(deadRows), "
                + (vacuumed.map { "autovacuum was there \(seconds($0)) ago" } ?? "autovacuum was not there yet"),
            "oldest snapshot: \(oldestSnapshot) transactions ago; oldest transaction: \(seconds(oldestTransaction))",
            "sessions: \(sessions) of \(mostSessions)",
        ]
        for server in servers {
            let models = server.models.isEmpty ? "every model" : server.models.joined(separator: ", ")
            lines.append("server \(server.name): \(models), \(seconds(server.silent)) ago")
        }
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// An object of the same.
    func json(_ place: String) -> [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("database", place)
                json.member("postgresql", version)
                JobsByStatus(jobs).write(to: &json)
                json.member("queued_parts", queuedParts)
                json.member("oldest_wait_ms", oldestWait)
                json.member("callbacks", callbacks)
                json.member("bytes", bytes)
                json.member("jobs_bytes", jobsBytes)
                json.member("inputs_bytes", inputsBytes)
                json.member("results_bytes", resultsBytes)
                json.member("partitions", partitions)
                json.member("dead_rows", deadRows)
                json.member("vacuumed_ms_ago", vacuumed)
                json.member("oldest_snapshot", oldestSnapshot)
                json.member("oldest_transaction_ms", oldestTransaction)
                json.member("sessions", sessions)
                json.member("most_sessions", mostSessions)
                json.key("servers")
                json.array(servers) { json, server in
                    json.object { json in
                        json.member("name", server.name)
                        json.member("silent_ms", server.silent)
                        json.member("models", server.models)
                    }
                }
            }
        }
    }
}
