-- The tables of a night: who is served, what is planned, what ran, what is still to be rung, what was stored.
--
-- A job's id is a UUID of version 7, so it carries its own time. All tables that grow with history are partitioned by month on that id, each by the
-- same bounds: retention drops a month as a whole, and a finished job never costs a running one anything. They hold no foreign keys to one another for
-- that reason; each row is written in the statement that writes its parent. A default partition takes what no month fits, so no insert can fail.

CREATE TABLE institution (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug        text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- One source joined to one Canvas account. `source` and `canvas` hold addresses and references to secrets, never a secret itself.
CREATE TABLE integration (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    institution_id  bigint NOT NULL REFERENCES institution (id),
    slug            text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name            text NOT NULL,
    source          jsonb NOT NULL,
    canvas          jsonb NOT NULL,
    mapping         jsonb NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (institution_id, slug)
);

CREATE TABLE schedule (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration_id  bigint NOT NULL REFERENCES integration (id),
    slug            text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    kind            text NOT NULL,
    cron            text NOT NULL,
    time_zone       text NOT NULL,
    paused          boolean NOT NULL DEFAULT false,
    catch_up        interval NOT NULL DEFAULT '6 hours',
    next_at         timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (integration_id, slug)
);
-- The scheduler's only scan: what is due, not what exists.
CREATE INDEX schedule_due ON schedule (next_at) WHERE NOT paused AND next_at IS NOT NULL;

-- One planned firing. The key is what makes any number of schedulers fire once: local date and time of day as the cron expression means them,
-- and `fold` 1 for the second pass of a doubled hour.
CREATE TABLE occurrence (
    schedule_id  bigint NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,
    local_date   date NOT NULL,
    slot         time NOT NULL,
    fold         smallint NOT NULL DEFAULT 0 CHECK (fold IN (0, 1)),
    planned_at   timestamptz NOT NULL,
    fired_at     timestamptz NOT NULL DEFAULT now(),
    outcome      text NOT NULL CHECK (outcome IN ('started', 'missed')),
    job_id       uuid,
    PRIMARY KEY (schedule_id, local_date, slot, fold)
);
CREATE INDEX occurrence_fired ON occurrence (fired_at);

CREATE TABLE job (
    id              uuid NOT NULL,
    institution_id  bigint NOT NULL,
    integration_id  bigint NOT NULL,
    kind            text NOT NULL,
    state           text NOT NULL DEFAULT 'in_progress'
                    CHECK (state IN ('in_progress', 'held', 'completed', 'warning', 'failed', 'cancelled')),
    posted_by       text NOT NULL,
    -- The integration's settings as they were when the job began.
    settings        jsonb NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX job_integration ON job (integration_id, id DESC);
CREATE INDEX job_unfinished ON job (id) WHERE finished_at IS NULL;

CREATE TABLE step (
    job_id         uuid NOT NULL,
    ordinal        smallint NOT NULL,
    kind           text NOT NULL,
    state          text NOT NULL DEFAULT 'pending' CHECK (state IN (
                       'pending', 'queued', 'running', 'waiting', 'held',
                       'completed', 'completed_with_warnings', 'skipped', 'failed', 'cancelled')),
    -- A sentence for the operator about a wait, a rescue or an end.
    reason         text,
    run_after      timestamptz NOT NULL DEFAULT now(),
    queued_at      timestamptz,
    -- Grows with each claim; every write of an attempt names it, so that a worker that slept through its lease can write nothing.
    fencing_token  bigint NOT NULL DEFAULT 0,
    lease_owner    text,
    leased_until   timestamptz,
    failures       smallint NOT NULL DEFAULT 0,
    rescues        smallint NOT NULL DEFAULT 0,
    percent        smallint NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 100),
    counts         jsonb NOT NULL DEFAULT '{}',
    error_code     text,
    error_message  text,
    started_at     timestamptz,
    finished_at    timestamptz,
    PRIMARY KEY (job_id, ordinal),
    CHECK ((state = 'running') = (lease_owner IS NOT NULL AND leased_until IS NOT NULL))
) PARTITION BY RANGE (job_id);
-- For the rescuer (expired leases) and the bell ringer (queued, but nobody came).
CREATE INDEX step_leased ON step (leased_until) WHERE state = 'running';
CREATE INDEX step_queued ON step (queued_at) WHERE state = 'queued';

-- Where a running step stands: narrow and overwritten in place once a second; the row goes when the step ends.
CREATE TABLE step_progress (
    job_id      uuid NOT NULL,
    ordinal     smallint NOT NULL,
    percent     smallint NOT NULL CHECK (percent BETWEEN 0 AND 100),
    counts      jsonb NOT NULL DEFAULT '{}',
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job_id, ordinal)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- One try at a step under one lease; `token` is the fencing token that it held.
CREATE TABLE attempt (
    job_id         uuid NOT NULL,
    ordinal        smallint NOT NULL,
    token          bigint NOT NULL,
    worker         text NOT NULL,
    started_at     timestamptz NOT NULL DEFAULT now(),
    ended_at       timestamptz,
    outcome        text CHECK (outcome IN ('completed', 'waiting', 'held', 'retry', 'failed', 'interrupted', 'rescued', 'cancelled')),
    error_code     text,
    error_message  text,
    PRIMARY KEY (job_id, ordinal, token)
) PARTITION BY RANGE (job_id);

CREATE TABLE artifact (
    job_id      uuid NOT NULL,
    ordinal     smallint NOT NULL,
    name        text NOT NULL,
    media_type  text NOT NULL,
    bytes       bigint NOT NULL CHECK (bytes >= 0),
    sha256      bytea NOT NULL CHECK (length(sha256) = 32),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job_id, ordinal, name)
) PARTITION BY RANGE (job_id);
CREATE INDEX artifact_content ON artifact (sha256);

-- One batch handed to Canvas. The row stands before the request leaves: after a crash it says what may have arrived there.
CREATE TABLE sis_import (
    job_id         uuid NOT NULL,
    ordinal        smallint NOT NULL,
    batch          smallint NOT NULL,
    file_name      text NOT NULL,
    sha256         bytea NOT NULL CHECK (length(sha256) = 32),
    intended_at    timestamptz NOT NULL DEFAULT now(),
    submissions    smallint NOT NULL DEFAULT 0,
    -- Canvas's id of the import, as text: ids of several shards do not fit a number everywhere.
    canvas_id      text,
    adopted        boolean NOT NULL DEFAULT false,
    workflow_state text,
    progress       smallint NOT NULL DEFAULT 0,
    answer         jsonb,
    submitted_at   timestamptz,
    polled_at      timestamptz,
    poll_failures  smallint NOT NULL DEFAULT 0,
    next_poll_at   timestamptz,
    ended_at       timestamptz,
    PRIMARY KEY (job_id, ordinal, batch)
) PARTITION BY RANGE (job_id);
CREATE INDEX sis_import_due ON sis_import (next_poll_at) WHERE next_poll_at IS NOT NULL;

-- Doorbells still to be rung. A row is deleted once the broker has confirmed it, so the table stays as small as the backlog.
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id      uuid NOT NULL,
    ordinal     smallint NOT NULL,
    kind        text NOT NULL,
    due_at      timestamptz NOT NULL DEFAULT now(),
    created_at  timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX outbox_due ON outbox (due_at, id);

-- The least UUID of version 7 that a moment can have: the bound of a partition.
CREATE FUNCTION uuid_floor(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes the partitions of a month (UTC) for all tables that grow; harmless when they exist.
CREATE FUNCTION create_month_partitions(month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first_day date := date_trunc('month', month);
    parent text;
    child text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['job', 'step', 'attempt', 'artifact', 'sis_import'] LOOP
        child := parent || to_char(first_day, '"_"YYYY"_"MM');
        IF to_regclass(child) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', child, parent,
                uuid_floor(first_day::timestamp AT TIME ZONE 'UTC'),
                uuid_floor((first_day + interval '1 month')::timestamp AT TIME ZONE 'UTC'));
        END IF;
    END LOOP;
END
$$;

-- Drops the partitions of the months that ended before `before`, and returns how many tables went.
-- A month in which a job is still unfinished stays.
CREATE FUNCTION drop_month_partitions(before timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
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
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I WHERE finished_at IS NULL)', name) INTO unfinished;
        CONTINUE WHEN unfinished;
        FOREACH parent IN ARRAY ARRAY['job', 'step', 'attempt', 'artifact', 'sis_import'] LOOP
            EXECUTE format('DROP TABLE IF EXISTS %I', parent || '_' || suffix);
            dropped := dropped + 1;
        END LOOP;
    END LOOP;
    RETURN dropped;
END
$$;

CREATE TABLE job_default PARTITION OF job DEFAULT;
CREATE TABLE step_default PARTITION OF step DEFAULT;
CREATE TABLE attempt_default PARTITION OF attempt DEFAULT;
CREATE TABLE artifact_default PARTITION OF artifact DEFAULT;
CREATE TABLE sis_import_default PARTITION OF sis_import DEFAULT;
SELECT create_month_partitions((date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month')::date) FROM generate_series(0, 2) AS n;
