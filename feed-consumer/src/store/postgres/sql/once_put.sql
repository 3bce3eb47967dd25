-- once_put: something is about to be done for the first time; no row if it was begun before
INSERT INTO feed_once (group_name, feed, key, position, begun)
VALUES ($1, $2, $3, $4, CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint))
ON CONFLICT (group_name, feed, key) DO NOTHING
