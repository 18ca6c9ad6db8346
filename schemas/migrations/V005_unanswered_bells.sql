-- Bells that nobody answered, apart from `rings`, which counts those of a busy cluster too: handed back, refused, heard and begun anew. Only silence makes
-- the next wait longer.
ALTER TABLE outbox ADD COLUMN unanswered smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN outbox.rings IS 'How often its bell was rung, heard unmarked, or put back; 0 only for one that began with its job and was not touched since.';
COMMENT ON COLUMN outbox.unanswered IS 'How often it was rung again because nobody came; 0 again once somebody has.';
