-- What people do to the engine, and what they do about its failures: the audit, the groups of failures, the broker's dead letters.

-- Who did what to what, and why. Rows are only added, and each is chained to the one before it by its hash: whoever changes, removes or reorders rows
-- behind the triggers' back breaks the chain, and 'rosterline audit verify' names the first row that does not fit.
CREATE TABLE audit (
    seq      bigint PRIMARY KEY,
    at       timestamptz NOT NULL,
    actor    text NOT NULL CHECK (actor <> ''),
    -- A word of `AuditAction`, or of a newer program.
    action   text NOT NULL CHECK (action <> ''),
    -- A kind and a name: 'job 0192…', 'schedule district/nightly'.
    subject  text NOT NULL CHECK (subject <> ''),
    before   jsonb,
    after    jsonb,
    reason   text,
    hash     bytea NOT NULL CHECK (length(hash) = 32)
);
CREATE INDEX audit_subject ON audit (subject, seq);

-- The canonical text of a row is a JSON array: jsonb orders and trims what is in it, so equal rows have equal bytes and no two fields can run together.
CREATE FUNCTION audit_hash(
    previous bytea, seq bigint, at timestamptz, actor text, action text, subject text, before jsonb, after jsonb, reason text
) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(previous || convert_to(jsonb_build_array(
        seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), actor, action, subject, before, after, reason
    )::text, 'UTF8'))
$$;

-- Numbers and chains what is inserted, so that any statement may add rows. The lock lasts as long as the transaction: append last, and end soon.
CREATE FUNCTION chain_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last_seq bigint;
    last_hash bytea;
BEGIN
    -- "audit" as a number. Two transactions must not follow the same row.
    PERFORM pg_advisory_xact_lock(x'6175646974'::bigint);
    SELECT a.seq, a.hash INTO last_seq, last_hash FROM audit a ORDER BY a.seq DESC LIMIT 1;
    NEW.seq := coalesce(last_seq, 0) + 1;
    NEW.at := clock_timestamp();
    NEW.hash := audit_hash(
        coalesce(last_hash, ''), NEW.seq, NEW.at, NEW.actor, NEW.action, NEW.subject, NEW.before, NEW.after, NEW.reason);
    RETURN NEW;
END
$$;
CREATE TRIGGER chain_audit BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION chain_audit();

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER refuse_audit_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
ALTER TABLE audit ENABLE ALWAYS TRIGGER refuse_audit_change;

-- Failures of one cause: the same kind of job and step, the same error code, the same message but for what differs from case to case.
CREATE TABLE dead_group (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- 'step' for failed steps, 'message' for what the broker put aside.
    source          text NOT NULL CHECK (source IN ('step', 'message')),
    -- Empty for messages.
    job_kind        text NOT NULL,
    -- The queue for messages.
    step_kind       text NOT NULL,
    -- Why the broker put it aside, for messages.
    code            text NOT NULL,
    fingerprint     text NOT NULL CHECK (length(fingerprint) <= 200),
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'discarded')),
    -- All that ever failed so, whatever became of it.
    total           bigint NOT NULL DEFAULT 0,
    first_at        timestamptz NOT NULL,
    last_at         timestamptz NOT NULL,
    sample_job      uuid,
    sample_ordinal  smallint,
    sample_message  text NOT NULL,
    note            text,
    assigned_to     text,
    UNIQUE (source, job_kind, step_kind, code, fingerprint)
);
CREATE INDEX dead_group_last ON dead_group (last_at DESC, id DESC);

ALTER TABLE step
    -- Given by maintenance once the step has failed, taken away when it is run again.
    ADD COLUMN dead_group bigint,
    ADD COLUMN dead_at timestamptz,
    ADD COLUMN dead_note text,
    -- Somebody has seen to it; it stays failed, and is not counted any more.
    ADD COLUMN discarded_at timestamptz;
-- What is still to be grouped, and who is in a group. Steps that did not fail cost them nothing.
CREATE INDEX step_ungrouped ON step (job_id, ordinal) WHERE state = 'failed' AND dead_group IS NULL;
CREATE INDEX step_dead ON step (dead_group, job_id, ordinal) WHERE state = 'failed' AND dead_group IS NOT NULL AND discarded_at IS NULL;

-- A retry or a discard of many. It is done in batches, and the row says how far it is, so that it survives whoever began it.
CREATE TABLE dead_action (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id           bigint NOT NULL REFERENCES dead_group (id),
    verb               text NOT NULL CHECK (verb IN ('retry', 'discard')),
    -- Only those of this institution; NULL for all.
    institution_id     bigint,
    -- Also those of whose integration a later job has been completed.
    include_overtaken  boolean NOT NULL DEFAULT false,
    actor              text NOT NULL,
    reason             text NOT NULL,
    total              bigint NOT NULL,
    done               bigint NOT NULL DEFAULT 0,
    -- Members that came later are none of it: what fails again is not run again by the same action.
    begun_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at        timestamptz
);
CREATE INDEX dead_action_unfinished ON dead_action (id) WHERE finished_at IS NULL;
CREATE INDEX dead_action_group ON dead_action (group_id, id);

-- What the broker put aside, taken out of its dead-letter queue.
CREATE TABLE dead_message (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- One row for a message in a queue, however often it is delivered.
    key             text NOT NULL UNIQUE,
    group_id        bigint NOT NULL REFERENCES dead_group (id),
    queue           text NOT NULL,
    reason          text NOT NULL,
    deaths          bigint NOT NULL,
    first_death_at  timestamptz,
    -- The step that it names, if it can be read.
    job_id          uuid,
    ordinal         smallint,
    -- Why it cannot be read, and how it begins.
    problem         text,
    head            bytea,
    bytes           bigint NOT NULL,
    -- What became of the step that it rang for, as a sentence.
    remark          text NOT NULL,
    note            text,
    received_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    discarded_at    timestamptz
);
CREATE INDEX dead_message_group ON dead_message (group_id, id) WHERE discarded_at IS NULL;
CREATE INDEX dead_message_received ON dead_message (received_at);
