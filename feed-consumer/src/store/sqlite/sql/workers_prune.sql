-- workers_prune: workers that hold nothing and were not heard of for a day are forgotten
DELETE FROM feed_workers AS workers
WHERE
    heartbeat < CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000 - 86400000000
    AND NOT EXISTS (
        SELECT 1 FROM feed_shards AS kept
        WHERE
            kept.group_name = workers.group_name
            AND kept.feed = workers.feed
            AND kept.holder = workers.worker
    )
