/// What makes and drops the partitions of an hour, as functions that run with the rights of the tables' owner: so a server needs
/// none but to read and write rows.
enum Hours {
    /// What all Vigils of a database take for as long as they change partitions; not that of the steps, so that neither waits
    /// for the other.
    private static let lock: Int64 = 0x7669_6769_6c01

    /// The step of the schema. Attaching holds up nobody who reads or writes, unlike making a partition in its place.
    static let step = """
        CREATE FUNCTION vigil_make_hour(number int8, low bytea, high bytea) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER AS $$
        DECLARE part text;
        BEGIN
            IF number NOT BETWEEN 0 AND 99999999 OR length(low) <> 16 OR length(high) <> 16 THEN
                RAISE EXCEPTION 'there is no hour %', number USING ERRCODE = 'invalid_parameter_value';
            END IF;
            PERFORM pg_advisory_xact_lock(\(lock));
            IF to_regclass('payloads_h' || number) IS NOT NULL THEN RETURN; END IF;
            FOREACH part IN ARRAY ARRAY['payloads', 'results'] LOOP
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) WITH (toast_tuple_target = 8160)',
                    part || '_h' || number, part);
                EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                    part, part || '_h' || number, low, high);
            END LOOP;
        END $$;
        CREATE FUNCTION vigil_drop_hour(part text, number int8, low bytea, high bytea) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER AS $$
        DECLARE needed bool;
        BEGIN
            IF part NOT IN ('payloads', 'results') OR number NOT BETWEEN 0 AND 99999999 THEN
                RAISE EXCEPTION 'there is no part % of hour %', part, number USING ERRCODE = 'invalid_parameter_value';
            END IF;
            PERFORM set_config('lock_timeout', '1s', true);
            IF NOT pg_try_advisory_xact_lock(\(lock)) THEN RETURN; END IF;
            IF part = 'payloads' THEN
                SELECT EXISTS (SELECT 1 FROM jobs WHERE status <= 1 AND coalesce(source, id) BETWEEN low AND high)
                    INTO needed;
            ELSE
                SELECT EXISTS (SELECT 1 FROM jobs WHERE id BETWEEN low AND high) INTO needed;
            END IF;
            IF NOT needed THEN EXECUTE format('DROP TABLE IF EXISTS %I', part || '_h' || number); END IF;
        EXCEPTION WHEN lock_not_available THEN NULL;
        END $$;
        DO $$ BEGIN
            EXECUTE format('ALTER FUNCTION vigil_make_hour SET search_path = %I, pg_temp', current_schema());
            EXECUTE format('ALTER FUNCTION vigil_drop_hour SET search_path = %I, pg_temp', current_schema());
        END $$;
        REVOKE ALL ON FUNCTION vigil_make_hour, vigil_drop_hour FROM PUBLIC
        """

    /// Which folders were moved here, and how far that is.
    static let copies = """
        CREATE TABLE copies (
            source bytea PRIMARY KEY, folder bytea NOT NULL, last bytea, jobs int8 NOT NULL DEFAULT 0,
            done bool NOT NULL DEFAULT false, begun_at timestamptz NOT NULL DEFAULT clock_timestamp(), done_at timestamptz
        )
        """
}
