-- Schedules that say what they do about overlaps, outages, blackouts, failures and pauses; and occurrences that say why they did not start.

ALTER TABLE schedule
    -- What happens while another job of the same integration and kind has not ended.
    ADD COLUMN overlap              text NOT NULL DEFAULT 'skip' CHECK (overlap IN ('skip', 'queue', 'cancel', 'allow')),
    -- Which of the occurrences start whose time passed while no scheduler ran; `catch_up` is how late they may be.
    ADD COLUMN catch_up_mode        text NOT NULL DEFAULT 'once' CHECK (catch_up_mode IN ('once', 'each', 'none')),
    ADD COLUMN jitter_seconds       integer NOT NULL DEFAULT 0 CHECK (jitter_seconds BETWEEN 0 AND 86400),
    ADD COLUMN pause_after_failures smallint CHECK (pause_after_failures BETWEEN 1 AND 100),
    -- Blackouts and rollover pauses: an array of {kind, from, until, name} in local time.
    ADD COLUMN quiet                jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(quiet) = 'array'),
    -- The latest pause. It covers the occurrences planned from the one moment until the other; no end = until somebody resumes it.
    ADD COLUMN pause_from           timestamptz,
    ADD COLUMN pause_until          timestamptz,
    ADD COLUMN pause_reason         text,
    ADD COLUMN pause_by             text,
    -- The first occurrence that nobody has decided yet; `next_at` is its time with its share of the jitter.
    ADD COLUMN next_planned_at      timestamptz,
    ADD CHECK (pause_from IS NOT NULL OR pause_until IS NULL);

UPDATE schedule SET next_planned_at = next_at, pause_from = CASE WHEN paused THEN updated_at END,
    pause_reason = CASE WHEN paused THEN 'as its description says' END, pause_by = CASE WHEN paused THEN 'rosterline apply' END;

-- A paused schedule is looked at too, so that each occurrence which it lets pass is written down.
DROP INDEX schedule_due;
ALTER TABLE schedule DROP COLUMN paused;
CREATE INDEX schedule_due ON schedule (next_at) WHERE next_at IS NOT NULL;

ALTER TABLE occurrence DROP CONSTRAINT occurrence_outcome_check;
ALTER TABLE occurrence
    ADD COLUMN reason text,
    ADD CONSTRAINT occurrence_outcome_check CHECK (outcome IN ('started', 'backfilled', 'missed', 'skipped', 'blackout', 'paused')),
    ADD CONSTRAINT occurrence_job_check CHECK ((job_id IS NOT NULL) = (outcome IN ('started', 'backfilled')));
-- The last jobs of a schedule, to count their failures; and its latest occurrences, for its page.
CREATE INDEX occurrence_started ON occurrence (schedule_id, planned_at DESC) WHERE job_id IS NOT NULL;
CREATE INDEX occurrence_latest ON occurrence (schedule_id, planned_at DESC, fold DESC);
