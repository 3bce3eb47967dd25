-- workers_prune: workers that hold nothing and were not heard of for a day are forgotten
WITH silent AS MATERIALIZED (
    SELECT worker
    FROM feed_workers AS workers
    WHERE
        heartbeat < CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) - 86400000000
        AND NOT EXISTS (
            SELECT 1 FROM feed_shards AS kept
            WHERE
                kept.group_name = workers.group_name
                AND kept.feed = workers.feed
                AND kept.holder = workers.worker
        )
    FOR UPDATE SKIP LOCKED
)

DELETE FROM feed_workers USING silent WHERE feed_workers.worker = silent.worker
