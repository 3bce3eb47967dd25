-- heads: the heads of subjects in some shards: what is parked, and the first that waits of each other subject
SELECT
    parked.shard,
    parked.position,
    parked.subject,
    max(
        parked.due - CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000, 0
    ) AS left_over,
    (
        SELECT count(*) FROM feed_followers AS others
        WHERE
            others.group_name = ?1
            AND others.feed = ?2
            AND others.shard = parked.shard
            AND others.subject = parked.subject
            AND others.resolved = 0
    ) AS followers,
    true AS is_parked
FROM feed_parked AS parked
WHERE parked.group_name = ?1 AND parked.feed = ?2 AND parked.shard IN (SELECT value FROM json_each(?3))
UNION ALL
SELECT shard, min(position) AS position, subject, 0 AS left_over, count(*) - 1 AS followers, false
FROM feed_followers AS kept
WHERE
    kept.group_name = ?1
    AND kept.feed = ?2
    AND kept.shard IN (SELECT value FROM json_each(?3))
    AND kept.resolved = 0
    AND NOT EXISTS (
        SELECT 1 FROM feed_parked AS parked
        WHERE
            parked.group_name = ?1
            AND parked.feed = ?2
            AND parked.shard = kept.shard
            AND parked.subject = kept.subject
    )
GROUP BY shard, subject
ORDER BY 2
