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
    CASE
        WHEN parked.due IS NOT NULL
            THEN greatest(
                parked.due - CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint), 0
            )
    END AS left_over,
    (
        SELECT count(*) FROM feed_followers AS others
        WHERE
            others.group_name = $1
            AND others.feed = $2
            AND others.shard = parked.shard
            AND others.subject = parked.subject
            AND others.resolved = 0
    ) AS followers
FROM feed_parked AS parked
WHERE
    parked.group_name = $1
    AND parked.feed = $2
    AND (cardinality($3::bigint []) = 0 OR parked.position = any($3))
    AND ($4::text IS NULL OR parked.event_type = $4)
    AND ($5::text IS NULL OR parked.subject = $5)
    AND ($6::text IS NULL OR strpos(parked.error, $6) > 0)
    AND (
        $7::bigint IS NULL
        OR parked.parked <= CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) - $7
    )
    AND parked.position > $8
ORDER BY parked.position
LIMIT $9
