/// What is done for each job, as functions of the schema: their plans are kept by the session, a pooler's too, where a statement that
/// comes by itself is planned each time, which takes longer than to run it.
///
/// They run with the rights of who calls them. A step is never changed: what means something else gets another number in its name,
/// and is a step more; servers of before go on with theirs.
enum Functions {
    /// The step of the schema. What has ended comes in the order of ``JobRow/names``, so that who calls for it need not name the columns,
    /// which takes PostgreSQL as long as to end the job. A plan is made once and has to be good for every size of the tables, also where it is made when these
    /// are empty: so by indexes alone. To compile it would take a thousand times as long as to run it.
    static let step = """
        CREATE FUNCTION vigil_submit_1(
            given_now int8, job bytea, of_priority int8, of_lane int8, of_parts int8, at_place int8, head_start int8, late int8,
            billed int8, created int8, deadline int8, form int8, are_floats bool, plain int8, stored int8, of_client bytea,
            of_model bytea, digest bytea, of_owner bytea, of_batch bytea, of_source bytea, of_kind bytea, named bytea,
            called bytea, receiving bytea, of_trace bytea, reuse bytea, input_digest bytea, of_subject bytea,
            places bytea[], first_piece bytea
        ) RETURNS void
        LANGUAGE plpgsql
        SET plan_cache_mode = force_generic_plan
        AS $$
        DECLARE now int8 := coalesce(given_now, (extract(epoch FROM clock_timestamp()) * 1000000000)::int8);
        BEGIN
            INSERT INTO jobs (
                id, status, priority, lane, parts, place, turn, inserted, overdue, input_bytes, created_at, deadline_at,
                input_form, input_floats, input_plain, input_stored, client, model, model_sha256, owner, batch, source,
                kind, name, callback, receiver, trace, reuse_key, input_sha256, subject, alerts
            ) VALUES (
                job, 0, of_priority, of_lane, of_parts, at_place, now - head_start, now, now + late, billed, created, deadline,
                form, are_floats, plain, stored, of_client, of_model, digest, of_owner, of_batch, of_source,
                of_kind, named, called, receiving, of_trace, reuse, input_digest, of_subject, places
            );
            IF first_piece IS NOT NULL THEN
                INSERT INTO payloads (job, piece, body) VALUES (job, 0, first_piece);
            END IF;
        END $$;
        CREATE FUNCTION vigil_claim_1(
            given_now int8, given_wall int8, every bool, own bytea[], most int8, most_long int8, most_parts int8, surely int8,
            secrets int8[], lease int8, is_begun bool, most_serial int8
        ) RETURNS TABLE (j jobs, claimed_at int8)
        LANGUAGE plpgsql ROWS 32
        SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off
        AS $$
        #variable_conflict use_column
        BEGIN
            -- Where nothing waits nobody has to wait for it.
            IF NOT EXISTS (SELECT 1 FROM jobs WHERE status = 0) THEN RETURN; END IF;
            -- Each statement sees what was committed before it begins, so that this one is apart from the next.
            PERFORM 1 FROM lanes ORDER BY lane FOR UPDATE;
            RETURN QUERY
        \(claiming);
        END $$;
        CREATE FUNCTION vigil_end_1(
            given_now int8, given_wall int8, every bool, own bytea[], lease int8, of_job bytea, by_token int8, outcome int8,
            queued int8, scored int8, bytes int8, digest bytea, reason bytea, detail bytea, changed_subject bytea,
            first_piece bytea
        ) RETURNS TABLE (
            id bytea, status int2, priority int2, client bytea, model bytea, name bytea, kind bytea,
            input_bytes int8, parts int4, subject bytea, model_sha256 bytea, batch bytea, callback bytea,
            created_at int8, deadline_at int8, started_at int8, finished_at int8, attempt int4,
            parts_done int4, failure_reason bytea, failure_detail bytea, queued_ns int8, scored_ns int8,
            output_bytes int8, revision int4, inserted int8, overdue int8, ended int8, token int8,
            cancel_requested bool, owner bytea, trace bytea, source bytea, input_form int2, input_floats bool,
            input_plain int8, input_stored int8, input_sha256 bytea, output_sha256 bytea, alerts bytea[],
            was int2, served bool
        )
        LANGUAGE plpgsql ROWS 1
        SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off SET enable_bitmapscan = off
        AS $$
        #variable_conflict use_column
        DECLARE
            now int8;
            wall int8;
            becomes int2;
            told bytea;
        BEGIN
            SELECT e.status, CASE WHEN e.cancel_requested THEN 4 ELSE outcome END INTO was, becomes FROM jobs AS e
            WHERE e.id = of_job
            AND ((e.status = 1 AND e.token = by_token) OR (e.status = 0 AND e.lapsed = by_token)) FOR UPDATE;
            IF NOT FOUND THEN RETURN; END IF;
            now := coalesce(given_now, (extract(epoch FROM clock_timestamp()) * 1000000000)::int8);
            wall := coalesce(given_wall, (now + 500000) / 1000000);
            UPDATE jobs AS e SET status = becomes, token = by_token, lapsed = NULL, lease_end = NULL,
                finished_at = wall, ended = now, queued_ns = queued, scored_ns = scored,
                started_at = CASE was WHEN 0 THEN wall ELSE e.started_at END,
                parts_done = CASE becomes WHEN 2 THEN e.parts ELSE e.parts_done END,
                output_bytes = CASE becomes WHEN 2 THEN bytes END, output_sha256 = CASE becomes WHEN 2 THEN digest END,
                failure_reason = CASE becomes WHEN 3 THEN reason END, failure_detail = CASE becomes WHEN 3 THEN detail END,
                subject = CASE becomes WHEN 2 THEN coalesce(changed_subject, e.subject) ELSE e.subject END,
                revision = e.revision + 1
            WHERE e.id = of_job RETURNING
                e.id, e.status, e.priority, e.client, e.model, e.name, e.kind, e.input_bytes, e.parts,
                e.subject, e.model_sha256, e.batch, e.callback, e.created_at, e.deadline_at, e.started_at,
                e.finished_at, e.attempt, e.parts_done, e.failure_reason, e.failure_detail, e.queued_ns,
                e.scored_ns, e.output_bytes, e.revision, e.inserted, e.overdue, e.ended, e.token,
                e.cancel_requested, e.owner, e.trace, e.source, e.input_form, e.input_floats, e.input_plain,
                e.input_stored, e.input_sha256, e.output_sha256, e.alerts, e.receiver
            INTO
                id, status, priority, client, model, name, kind, input_bytes, parts, subject, model_sha256,
                batch, callback, created_at, deadline_at, started_at, finished_at, attempt, parts_done,
                failure_reason, failure_detail, queued_ns, scored_ns, output_bytes, revision, inserted,
                overdue, ended, token, cancel_requested, owner, trace, source, input_form, input_floats,
                input_plain, input_stored, input_sha256, output_sha256, alerts, told;
            IF callback IS NOT NULL THEN
                INSERT INTO callbacks (job, url, receiver, ended, due) VALUES (of_job, callback, told, now, now);
            END IF;
            IF cardinality(alerts) > 0 THEN
                INSERT INTO alerts (job, place, ended, due)
                SELECT of_job, p.place, now, now FROM unnest(alerts) AS p (place)
                ON CONFLICT (job, place) DO UPDATE SET ended = excluded.ended, due = excluded.due;
            END IF;
            IF becomes = 2 AND first_piece IS NOT NULL THEN
                INSERT INTO results (job, token, piece, body) VALUES (of_job, by_token, 0, first_piece);
            END IF;
            served := was <> 0 OR (
                (every OR coalesce(model_sha256 = ANY (own), false)) AND ('-'::bytea || kind = ANY (own)) IS NOT TRUE
            ) OR EXISTS (
                SELECT 1 FROM servers AS s WHERE s.seen > now - lease AND (s.every OR model_sha256 = ANY (s.models))
                AND ('-'::bytea || kind = ANY (s.models)) IS NOT TRUE
            );
            RETURN NEXT;
        END $$
        """

    /// The jobs whose turn it is, by ``FairQueue``'s rules: the first of each client's line, and of these by their lines' tags.
    ///
    /// Only as many lines are looked at as jobs are claimed, those whose first jobs go first, and as many of each: whatever is
    /// behind these has as many before it. A line that comes to be has the tag that was served last.
    ///
    /// The chosen are named twice, since a plan that is made while the table is empty would go through all of it to find them.
    private static let claiming = """
        WITH RECURSIVE t AS MATERIALIZED (
            SELECT coalesce(given_now, (extract(epoch FROM c) * 1000000000)::int8) AS now,
                coalesce(given_wall, (extract(epoch FROM c) * 1000)::int8) AS wall
            FROM (SELECT clock_timestamp() AS c) AS clock
        ), clients (lane, client) AS (
            SELECT l.lane, f.client FROM lanes AS l CROSS JOIN LATERAL (
                SELECT q.client FROM jobs AS q WHERE q.status = 0 AND q.lane = l.lane ORDER BY q.client LIMIT 1
            ) AS f
            UNION ALL
            SELECT c.lane, n.client FROM clients AS c CROSS JOIN LATERAL (
                SELECT q.client FROM jobs AS q WHERE q.status = 0 AND q.lane = c.lane AND q.client > c.client
                ORDER BY q.client LIMIT 1
            ) AS n
        ), heads AS (
            SELECT c.lane, c.client, greatest(coalesce(g.tag, l.served), l.served) AS line_tag, row_number() OVER (
                    PARTITION BY c.lane
                    ORDER BY greatest(coalesce(g.tag, l.served), l.served), h.priority DESC, h.id
                ) AS number
            FROM clients AS c JOIN lanes AS l USING (lane)
                LEFT JOIN lines AS g ON g.lane = c.lane AND g.client = c.client
                CROSS JOIN LATERAL (
                    SELECT q.id, q.priority FROM jobs AS q
                    WHERE q.status = 0 AND q.lane = c.lane AND q.client = c.client
                    AND (every OR coalesce(q.model_sha256 = ANY (own), false))
                    AND ('-'::bytea || q.kind = ANY (own)) IS NOT TRUE
                    AND (q.overdue IS NULL OR q.overdue > (SELECT t.now FROM t))
                    ORDER BY q.turn, q.id LIMIT 1
                ) AS h
        ), firsts AS (
            SELECT h.lane, h.client, h.line_tag, f.*,
                f.parts::int8 * CASE f.priority WHEN 2 THEN 1 WHEN 1 THEN 4 ELSE 16 END AS cost
            FROM heads AS h CROSS JOIN LATERAL (
                SELECT q.id, q.turn, q.parts, q.priority FROM jobs AS q
                WHERE q.status = 0 AND q.lane = h.lane AND q.client = h.client
                AND (every OR coalesce(q.model_sha256 = ANY (own), false))
                AND ('-'::bytea || q.kind = ANY (own)) IS NOT TRUE
                AND (q.overdue IS NULL OR q.overdue > (SELECT t.now FROM t))
                ORDER BY q.turn, q.id
                LIMIT CASE h.lane WHEN 1 THEN most_long WHEN 2 THEN most_serial ELSE most END
            ) AS f WHERE h.number <= most
        ), turns AS (
            SELECT *, line_tag + (sum(cost) OVER (PARTITION BY lane, client ORDER BY turn, id))::int8 - cost AS tag
            FROM firsts
        ), long_ones AS (
            SELECT *, row_number() OVER (ORDER BY tag, priority DESC, id) AS number FROM turns WHERE lane = 1
            ORDER BY number LIMIT most_long
        ), serial_ones AS (
            SELECT *, row_number() OVER (ORDER BY tag, priority DESC, id) AS number FROM turns WHERE lane = 2
            ORDER BY number LIMIT greatest(most_serial - (SELECT count(*) FROM long_ones), 0)
        ), apart AS (
            SELECT (SELECT count(*) FROM long_ones) AS longs,
                (SELECT count(*) FROM long_ones) + (SELECT count(*) FROM serial_ones) AS together
        ), short_ones AS (
            SELECT *, bool_and(number <= surely OR load <= most_parts) OVER (ORDER BY number) AS fits FROM (
                SELECT *, row_number() OVER w AS number, sum(parts) OVER w AS load FROM turns WHERE lane = 0
                WINDOW w AS (ORDER BY tag, priority DESC, id)
            ) AS s
        ), chosen AS (
            SELECT id, tag, cost, number FROM long_ones
            UNION ALL
            SELECT s.id, s.tag, s.cost, s.number + a.longs FROM serial_ones AS s, apart AS a
            UNION ALL
            SELECT s.id, s.tag, s.cost, s.number + a.together FROM short_ones AS s, apart AS a
            WHERE s.fits AND s.number + a.together <= most
        ), claimed AS (
            UPDATE jobs AS q SET status = 1, attempt = q.attempt + 1, started_at = t.wall, parts_done = 0,
                token = secrets[c.number], lapsed = NULL, lease_end = t.now + lease, begun = is_begun,
                revision = q.revision + 1
            FROM chosen AS c, t WHERE q.id = c.id AND q.id = ANY (ARRAY(SELECT o.id FROM chosen AS o)) AND q.status + 0 = 0
            RETURNING q AS whole, q.lane, q.client, t.now AS moment, c.number, c.tag, c.cost
        ), served AS (
            UPDATE lanes AS l SET served = greatest(l.served, c.tag)
            FROM (SELECT lane, max(tag) AS tag FROM claimed GROUP BY lane) AS c WHERE l.lane = c.lane
        ), tagged AS (
            INSERT INTO lines (lane, client, tag)
            SELECT lane, client, max(tag + cost) FROM claimed GROUP BY lane, client
            ON CONFLICT (lane, client) DO UPDATE SET tag = excluded.tag
        )
        SELECT claimed.whole, claimed.moment FROM claimed ORDER BY claimed.number
        """

    /// Those of it, which a server calls.
    static let names = ["vigil_submit_1", "vigil_claim_1", "vigil_end_1"]
}
