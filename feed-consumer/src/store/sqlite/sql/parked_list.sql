-- parked_list: events that are set aside, those that a person means
SELECT
    parked.shard,
    parked.position,
    parked.updated,
    parked.event,
    parked.edited,
    parked.error,
    parked.attempts,
    parked.retries,
    parked.repairs,
    parked.parked,
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
    ) AS followers
FROM feed_parked AS parked
WHERE
    parked.group_name = ?1
    AND parked.feed = ?2
    AND (json_array_length(?3) = 0 OR parked.position IN (SELECT value FROM json_each(?3)))
    AND (?4 IS NULL OR parked.event_type = ?4)
    AND (?5 IS NULL OR parked.subject = ?5)
    AND (?6 IS NULL OR instr(parked.error, ?6) > 0)
    AND (
        ?7 IS NULL
        OR parked.parked <= CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000 - ?7
    )
    AND parked.position > ?8
ORDER BY parked.position
LIMIT ?9
