-- parked_release: a parked event is due now, as it was mended if it was
UPDATE feed_parked
SET
    due = CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000,
    edited = coalesce(?4, edited)
WHERE group_name = ?1 AND feed = ?2 AND position = ?3
