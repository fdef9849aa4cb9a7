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
                + "results \(mebibytes(resultsBytes)), videos \(mebibytes(videosBytes)), in \(partitions) partitions",
            "dead rows of jobs: \(pressure.deadRows), "
                + (vacuumed.map { "autovacuum was there \(seconds($0)) ago" } ?? "autovacuum was not there yet"),
            "oldest snapshot: \(pressure.snapshotAge) transactions ago; oldest transaction: "
                + seconds(Int(pressure.oldestTransaction.wholeNanoseconds / 1_000_000)),
            "replication slots: \(pressure.slots), of which nobody reads \(pressure.idleSlots), the log kept for them "
                + mebibytes(pressure.slotBytes),
            "synchronous standbys in sync: \(pressure.synchronousStandbys)",
            "sessions: \(sessions) of \(mostSessions)",
        ]
        for server in servers {
            let models = server.models.isEmpty ? "every model" : server.models.joined(separator: ", ")
            let (told, at) = (server.standing, server.standing.activity)
            lines.append(
                "server \(told.name): \(told.version.isEmpty ? "unknown version" : told.version), \(models), "
                    + "\(at.running) jobs on \(at.workers) workers\(at.isDraining ? ", is leaving" : ""), "
                    + "\(seconds(Int(told.silent.wholeNanoseconds / 1_000_000))) ago")
        }
        if !pressure.isSeen {
            lines.append(
                "note: other users' transactions and standbys can't be seen: the owner of vigil_pressure() has to be a "
                    + "member of pg_read_all_stats")
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
                json.member("videos_bytes", videosBytes)
                json.member("partitions", partitions)
                json.member("dead_rows", pressure.deadRows)
                json.member("vacuumed_ms_ago", vacuumed)
                json.member("oldest_snapshot", pressure.snapshotAge)
                json.member("oldest_transaction_ms", Int(pressure.oldestTransaction.wholeNanoseconds / 1_000_000))
                json.member("replication_slots", pressure.slots)
                json.member("idle_replication_slots", pressure.idleSlots)
                json.member("slot_bytes", pressure.slotBytes)
                json.member("synchronous_standbys", pressure.synchronousStandbys)
                json.member("others_seen", pressure.isSeen)
                json.member("sessions", sessions)
                json.member("most_sessions", mostSessions)
                json.key("servers")
                json.array(servers) { json, server in
                    json.object { json in
                        let (told, at) = (server.standing, server.standing.activity)
                        json.member("name", told.name)
                        json.member("version", told.version)
                        json.member("started_at", told.startedAt.description)
                        json.member("silent_ms", Int(told.silent.wholeNanoseconds / 1_000_000))
                        json.member("workers", at.workers)
                        json.member("running", at.running)
                        json.member("draining", at.isDraining)
                        json.member("models", server.models)
                    }
                }
            }
        }
    }
}
