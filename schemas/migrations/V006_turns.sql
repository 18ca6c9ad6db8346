-- What is left of an institution's turn, so that its weight holds where each look may ring for fewer steps than a turn is worth.
ALTER TABLE lane ADD COLUMN turn_left smallint NOT NULL DEFAULT 0 CHECK (turn_left >= 0);
COMMENT ON COLUMN lane.turn_left IS 'Steps left of a turn that was broken off; 0 if the next turn is a whole one.';
COMMENT ON COLUMN lane.served_at IS 'When its last turn ended; the earliest goes first.';
