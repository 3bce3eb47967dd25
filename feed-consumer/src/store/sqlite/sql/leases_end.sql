-- leases_end: the leases of a worker that has died end now, not released
UPDATE feed_shards
SET expires = min(expires, CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000)
WHERE holder = ?1
