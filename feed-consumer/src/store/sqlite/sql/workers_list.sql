-- workers_list: the workers of a subscription that hold shards or were heard of within a day, the oldest first
SELECT
    worker,
    host,
    process,
    identity,
    weight,
    reach,
    started,
    silent,
    silent < lease AS is_alive,
    shards,
    report
FROM (
    SELECT
        workers.*,
        CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000 - heartbeat AS silent,
        (
            SELECT count(*) FROM feed_shards AS kept
            WHERE
                kept.group_name = workers.group_name
                AND kept.feed = workers.feed
                AND kept.holder = workers.worker
        ) AS shards
    FROM feed_workers AS workers
    WHERE group_name = ?1 AND feed = ?2
) AS known
WHERE shards > 0 OR silent < 86400000000
ORDER BY started, worker
