-- When this view first had everything that the topics held as its projector began; null until then. It never goes back:
-- a view that falls behind later says so in its answers, and goes on answering.
ALTER TABLE view_position ADD COLUMN IF NOT EXISTS caught_up_at timestamptz
