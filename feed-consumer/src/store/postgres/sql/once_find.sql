-- once_find: whether something was done, and whether that is remembered; nobody else writes it until the transaction ends
SELECT done IS NOT NULL AS was_done, coalesce(done < CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) - $4, false) AS is_past
FROM feed_once
WHERE group_name = $1 AND feed = $2 AND key = $3
FOR UPDATE
