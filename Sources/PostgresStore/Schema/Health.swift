/// What tells how a database fares, as functions that run with the rights of the tables' owner: other users' transactions and
/// standbys are seen by members of `pg_read_all_stats` alone, who see others' queries too, and no server needs those.
enum Health {
    /// The step of the schema.
    static let step = """
        ALTER TABLE servers ADD version bytea NOT NULL DEFAULT '', ADD workers int4 NOT NULL DEFAULT 0,
            ADD running int4 NOT NULL DEFAULT 0, ADD draining bool NOT NULL DEFAULT false;
        CREATE FUNCTION vigil_standbys(OUT seen bool, OUT named bool, OUT waited bool, OUT in_sync int8)
        LANGUAGE sql STABLE SECURITY DEFINER AS $$
            SELECT pg_has_role('pg_read_all_stats', 'USAGE'), current_setting('synchronous_standby_names') <> '',
                current_setting('synchronous_commit') NOT IN ('off', 'local'),
                (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))
        $$;
        CREATE FUNCTION vigil_pressure(
            OUT seen bool, OUT snapshot_age int8, OUT transaction_ms int8, OUT slots int8, OUT idle_slots int8,
            OUT slot_bytes int8, OUT dead_rows int8, OUT in_sync int8
        ) LANGUAGE sql STABLE SECURITY DEFINER AS $$
            SELECT pg_has_role('pg_read_all_stats', 'USAGE'),
                greatest(
                    (SELECT max(age(backend_xmin)) FROM pg_stat_activity
                        WHERE pid <> pg_backend_pid() AND (datname = current_database() OR datname IS NULL)),
                    (SELECT max(greatest(age(xmin), age(catalog_xmin))) FROM pg_replication_slots),
                    (SELECT max(age(transaction)) FROM pg_prepared_xacts WHERE database = current_database()), 0)::int8,
                (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)) * 1000, 0)::int8
                    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()),
                (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_replication_slots WHERE NOT active),
                (SELECT greatest(coalesce(max(pg_wal_lsn_diff(
                        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                        restart_lsn)), 0), 0)::int8 FROM pg_replication_slots),
                (SELECT coalesce(sum(n_dead_tup), 0)::int8 FROM pg_stat_user_tables WHERE relid = to_regclass('jobs')),
                (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))
        $$;
        DO $$ BEGIN
            EXECUTE format('ALTER FUNCTION vigil_standbys SET search_path = %I, pg_temp', current_schema());
            EXECUTE format('ALTER FUNCTION vigil_pressure SET search_path = %I, pg_temp', current_schema());
        END $$;
        REVOKE ALL ON FUNCTION vigil_standbys, vigil_pressure FROM PUBLIC
        """
}
