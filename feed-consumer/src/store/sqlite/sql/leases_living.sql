-- leases_living: the workers that hold a lease that has not ended
SELECT DISTINCT holder FROM feed_shards
WHERE
    group_name = ?1
    AND feed = ?2
    AND holder IS NOT NULL
    AND expires > CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000
