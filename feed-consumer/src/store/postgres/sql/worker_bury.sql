-- worker_bury: a worker has died: its leases end now, not released, and it is forgotten
WITH gone AS (
    DELETE FROM feed_workers WHERE worker = $1 RETURNING worker
),

-- After the worker's own row, and in the order in which everybody locks them.
held AS MATERIALIZED (
    SELECT group_name, feed, shard
    FROM feed_shards
    WHERE holder = $1 AND (SELECT count(*) FROM gone) >= 0
    ORDER BY group_name, feed, shard
    FOR UPDATE
)

UPDATE feed_shards AS kept
SET expires = least(kept.expires, CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint))
FROM held
WHERE kept.group_name = held.group_name AND kept.feed = held.feed AND kept.shard = held.shard
