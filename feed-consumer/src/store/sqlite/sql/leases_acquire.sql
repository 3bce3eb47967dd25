-- leases_acquire: shards get a new holder, each under a new token; what a holder that did not give its shard back had in hand is suspected
UPDATE feed_shards
SET
    holder = ?3,
    token = token + 1,
    expires = CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000 + ?4,
    suspects = CASE WHEN holder <> ?3 THEN max(suspects, reach) ELSE suspects END,
    reach = ?6
WHERE group_name = ?1 AND feed = ?2 AND shard IN (SELECT value FROM json_each(?5))
