-- What fairness, limits, pauses, cancellation and checkpoints need.
--
-- The outbox becomes the dispatch table: a row is the ticket of one step from the moment it is queued until its attempt ends. While it waits, the
-- dispatcher decides when it may go; once rung, it counts against what its institution may have in flight. So a limit is a count over a small index, and
-- nothing has to be kept in step with anything else.

ALTER TABLE institution
    ADD COLUMN concurrent_steps integer DEFAULT 8 CHECK (concurrent_steps > 0),
    ADD COLUMN weight smallint NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 100),
    ADD COLUMN steps_per_minute integer CHECK (steps_per_minute > 0),
    ADD COLUMN burst integer CHECK (burst > 0);
COMMENT ON COLUMN institution.concurrent_steps IS 'Steps rung or running at once; NULL for no limit.';
COMMENT ON COLUMN institution.weight IS 'Share of the dispatcher''s turns, beside those of the others.';
COMMENT ON COLUMN institution.steps_per_minute IS 'Refill of the token bucket; NULL for no limit.';
COMMENT ON COLUMN institution.burst IS 'What the bucket holds; NULL for a minute''s worth.';

-- The dispatcher's memory of an institution: its bucket, and when it was last served. Apart from `institution`, because it changes all the time.
CREATE TABLE lane (
    institution_id  bigint PRIMARY KEY REFERENCES institution (id) ON DELETE CASCADE,
    tokens          double precision NOT NULL DEFAULT 0,
    refilled_at     timestamptz NOT NULL DEFAULT '-infinity',
    served_at       timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
INSERT INTO lane (institution_id) SELECT id FROM institution;
CREATE FUNCTION open_lane() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lane (institution_id) VALUES (NEW.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER open_lane AFTER INSERT ON institution FOR EACH ROW EXECUTE FUNCTION open_lane();

ALTER TABLE job
    ADD COLUMN priority smallint NOT NULL DEFAULT 10,
    -- The job whose earlier steps this one took over.
    ADD COLUMN origin_job uuid,
    ADD COLUMN parameters jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN cancel_requested_at timestamptz,
    ADD COLUMN cancel_requested_by text,
    ADD COLUMN cancel_reason text,
    -- What its steps said, kept here so that an ending need not read them all: rows were left out; steps were cancelled.
    ADD COLUMN warned boolean NOT NULL DEFAULT false,
    ADD COLUMN cut_short boolean NOT NULL DEFAULT false;
UPDATE job SET warned = true WHERE finished_at IS NULL
    AND EXISTS (SELECT FROM step s WHERE s.job_id = job.id AND s.state = 'completed_with_warnings');
-- For lists by state. No index names `state` itself: while it goes from in_progress to completed, as nearly every job does, nothing that is indexed
-- changes, and the row's new version stays on its page. What is under way is found by its tickets and its waiting imports.
ALTER TABLE job ADD COLUMN attention text
    GENERATED ALWAYS AS (CASE WHEN state IN ('in_progress', 'completed') THEN NULL ELSE state END) STORED;
CREATE INDEX job_attention ON job (attention, id DESC) WHERE attention IS NOT NULL;
DROP INDEX job_unfinished;

ALTER TABLE step
    -- Version of the message that a worker must be able to read to take the step.
    ADD COLUMN version smallint NOT NULL DEFAULT 1,
    -- When the lease that holds, or held last, was given.
    ADD COLUMN claimed_at timestamptz,
    ADD COLUMN throttles smallint NOT NULL DEFAULT 0,
    -- What the handler saved to go on from after a rescue; its own words.
    ADD COLUMN checkpoint text,
    ADD COLUMN cancel_requested_at timestamptz;
-- What is queued or running is found by its ticket, so a step's row needs no index but its key, and with room on its page each of its changes stays
-- on it: half of what a step costs Postgres.
DROP INDEX step_queued;
DROP INDEX step_leased;
-- An attempt's row is written when the attempt ends; until then the step's row tells of it.
UPDATE step SET claimed_at = a.started_at FROM attempt a
WHERE step.state = 'running' AND a.job_id = step.job_id AND a.ordinal = step.ordinal AND a.token = step.fencing_token;
DELETE FROM attempt WHERE ended_at IS NULL;

CREATE TABLE dispatch_ticket (
    job_id          uuid NOT NULL,
    ordinal         smallint NOT NULL,
    institution_id  bigint NOT NULL,
    integration_id  bigint NOT NULL,
    job_kind        text NOT NULL,
    kind            text NOT NULL,
    version         smallint NOT NULL DEFAULT 1,
    -- Within the institution; the lower goes first.
    priority        smallint NOT NULL,
    due_at          timestamptz NOT NULL DEFAULT now(),
    -- Not before that job has ended.
    after_job       uuid,
    rung_at         timestamptz,
    rung_by         bigint,
    rings           smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, ordinal)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
INSERT INTO dispatch_ticket (job_id, ordinal, institution_id, integration_id, job_kind, kind, priority, due_at)
SELECT s.job_id, s.ordinal, j.institution_id, j.integration_id, j.kind, s.kind, j.priority, s.run_after
FROM step s JOIN job j ON j.id = s.job_id WHERE s.state IN ('queued', 'running');
UPDATE dispatch_ticket t SET rung_at = now(), rings = 1
WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.job_id = t.job_id AND o.ordinal = t.ordinal);
DROP TABLE outbox;
ALTER TABLE dispatch_ticket RENAME TO outbox;
ALTER INDEX dispatch_ticket_pkey RENAME TO outbox_pkey;
-- Who waits, in the order in which an institution's own steps go.
CREATE INDEX outbox_waiting ON outbox (institution_id, priority, due_at) WHERE rung_at IS NULL AND after_job IS NULL;
-- What an institution has in flight, and what was rung long ago.
CREATE INDEX outbox_rung ON outbox (institution_id, rung_at) WHERE rung_at IS NOT NULL;
CREATE INDEX outbox_after ON outbox (after_job) WHERE after_job IS NOT NULL;

-- The dispatchers that live. What one rang that is gone may never have reached the broker, and is rung again.
CREATE TABLE dispatcher (
    id       bigint PRIMARY KEY,
    name     text NOT NULL,
    seen_at  timestamptz NOT NULL DEFAULT now()
);

-- What nothing may be started of for now.
CREATE TABLE pause (
    scope      text NOT NULL CHECK (scope IN ('queue', 'institution', 'integration', 'kind')),
    -- The kind of step, the slug, `institution/integration`, or the kind of job.
    target     text NOT NULL,
    -- The institution's or integration's id, for the dispatcher's comparison.
    target_id  bigint,
    until      timestamptz,
    reason     text NOT NULL,
    paused_by  text NOT NULL,
    paused_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, target),
    CHECK ((target_id IS NOT NULL) = (scope IN ('institution', 'integration')))
);

-- Who holds a key that only one job may hold at a time; the loser is told which job that is.
CREATE TABLE job_key (
    key      text PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 200),
    job_id   uuid NOT NULL,
    scope    text NOT NULL CHECK (scope IN ('waiting', 'unfinished', 'window')),
    until    timestamptz,
    taken_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((until IS NOT NULL) = (scope = 'window'))
);
CREATE INDEX job_key_job ON job_key (job_id);

-- As in V001, with room on the pages of `step`, and with the index that `job` has now.
CREATE OR REPLACE FUNCTION create_month_partitions(month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first_day date := date_trunc('month', month);
    parent text;
    child text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['job', 'step', 'attempt', 'artifact', 'sis_import'] LOOP
        child := parent || to_char(first_day, '"_"YYYY"_"MM');
        IF to_regclass(child) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)%s', child, parent,
                uuid_floor(first_day::timestamp AT TIME ZONE 'UTC'),
                uuid_floor((first_day + interval '1 month')::timestamp AT TIME ZONE 'UTC'),
                CASE WHEN parent IN ('job', 'step') THEN ' WITH (fillfactor = 60)' ELSE '' END);
        END IF;
    END LOOP;
END
$$;
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent IN ('job'::regclass, 'step'::regclass) LOOP
        EXECUTE format('ALTER TABLE %I SET (fillfactor = 60)', name);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION drop_month_partitions(before timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    name text;
    suffix text;
    unfinished boolean;
    parent text;
    dropped integer := 0;
BEGIN
    FOR name IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'job'::regclass AND c.relname ~ '^job_\d{4}_\d{2}$' LOOP
        suffix := substring(name FROM '\d{4}_\d{2}$');
        CONTINUE WHEN (to_date(suffix, 'YYYY_MM') + interval '1 month')::timestamp AT TIME ZONE 'UTC' > before;
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I WHERE state IN (''in_progress'', ''held''))', name) INTO unfinished;
        CONTINUE WHEN unfinished;
        FOREACH parent IN ARRAY ARRAY['job', 'step', 'attempt', 'artifact', 'sis_import'] LOOP
            EXECUTE format('DROP TABLE IF EXISTS %I', parent || '_' || suffix);
            dropped := dropped + 1;
        END LOOP;
    END LOOP;
    RETURN dropped;
END
$$;
