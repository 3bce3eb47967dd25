-- retry_failed: a parked event has failed again; no row if it is parked no more
UPDATE feed_parked
SET
    error = ?4,
    attempts = attempts + ?5,
    retries = retries + 1,
    due = CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000 + ?6
WHERE group_name = ?1 AND feed = ?2 AND position = ?3
