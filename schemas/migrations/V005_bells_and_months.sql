-- Bells that nobody answered, apart from `rings`, which counts those of a busy cluster too: handed back, refused, heard and begun anew. Only silence makes
-- the next wait longer.
ALTER TABLE outbox ADD COLUMN unanswered smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN outbox.rings IS 'How often its bell was rung, heard unmarked, or put back; 0 only for one that began with its job and was not touched since.';
COMMENT ON COLUMN outbox.unanswered IS 'How often it was rung again because nobody came; 0 again once somebody has.';

-- Makes the partitions of a month (UTC) for all tables that grow; harmless when they exist. Rows of that month that were written before it had tables, as
-- after a summer in which nothing ran, lie in the default partitions and would forbid the month's for ever: they move.
CREATE OR REPLACE FUNCTION create_month_partitions(month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first_day date := date_trunc('month', month);
    low uuid := uuid_floor(first_day::timestamp AT TIME ZONE 'UTC');
    high uuid := uuid_floor((first_day + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    parent text;
    child text;
    key text;
    columns text;
    has_rows boolean;
BEGIN
    FOREACH parent IN ARRAY ARRAY['job', 'step', 'attempt', 'artifact', 'sis_import'] LOOP
        child := parent || to_char(first_day, '"_"YYYY"_"MM');
        IF to_regclass(child) IS NULL THEN
            key := CASE parent WHEN 'job' THEN 'id' ELSE 'job_id' END;
            -- A new partition needs this lock; taken before the look, nobody writes behind it.
            EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent);
            EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE %I >= $1 AND %I < $2)', parent || '_default', key, key)
                INTO has_rows USING low, high;
            IF has_rows THEN
                EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, parent || '_default');
            END IF;
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)%s', child, parent, low, high,
                CASE WHEN parent IN ('job', 'step') THEN ' WITH (fillfactor = 60)' ELSE '' END);
            IF has_rows THEN
                SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns FROM pg_attribute
                WHERE attrelid = to_regclass(parent) AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
                EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I >= $1 AND %I < $2 RETURNING %s) INSERT INTO %I (%s) SELECT %s FROM moved',
                    parent || '_default', key, key, columns, child, columns, columns) USING low, high;
                EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I DEFAULT', parent, parent || '_default');
            END IF;
        END IF;
    END LOOP;
END
$$;

-- The key that a job began with, so that it is taken again with the job. Null for one with a window, which is held whatever becomes of the job.
ALTER TABLE job ADD COLUMN unique_key text, ADD COLUMN unique_scope text;
COMMENT ON COLUMN job.unique_scope IS '`waiting` or `unfinished`. Without a check: each statement would have to read it.';
UPDATE job SET unique_key = k.key, unique_scope = k.scope FROM job_key k WHERE job.id = k.job_id AND k.scope <> 'window';

-- As in V002, but a month that is kept is not read through each hour: what keeps it has a ticket, a poll to come, or is held, and is found by an index.
-- Only a month in which none of these is found is read, to be sure, before it goes.
CREATE OR REPLACE FUNCTION drop_month_partitions(before timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    name text;
    suffix text;
    low uuid;
    high uuid;
    unfinished boolean;
    parent text;
    dropped integer := 0;
BEGIN
    FOR name IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'job'::regclass AND c.relname ~ '^job_\d{4}_\d{2}$' LOOP
        suffix := substring(name FROM '\d{4}_\d{2}$');
        CONTINUE WHEN (to_date(suffix, 'YYYY_MM') + interval '1 month')::timestamp AT TIME ZONE 'UTC' > before;
        low := uuid_floor(to_date(suffix, 'YYYY_MM')::timestamp AT TIME ZONE 'UTC');
        high := uuid_floor((to_date(suffix, 'YYYY_MM') + interval '1 month')::timestamp AT TIME ZONE 'UTC');
        CONTINUE WHEN EXISTS (SELECT FROM outbox WHERE job_id >= low AND job_id < high);
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE next_poll_at IS NOT NULL)', 'sis_import_' || suffix) INTO unfinished;
        CONTINUE WHEN unfinished;
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE attention = ''held'')', name) INTO unfinished;
        CONTINUE WHEN unfinished;
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE state IN (''in_progress'', ''held''))', name) INTO unfinished;
        CONTINUE WHEN unfinished;
        FOREACH parent IN ARRAY ARRAY['job', 'step', 'attempt', 'artifact', 'sis_import'] LOOP
            EXECUTE format('DROP TABLE IF EXISTS %I', parent || '_' || suffix);
            dropped := dropped + 1;
        END LOOP;
    END LOOP;
    RETURN dropped;
END
$$;
