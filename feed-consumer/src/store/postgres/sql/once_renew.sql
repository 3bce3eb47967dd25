-- once_renew: what was done so long ago that it is not remembered begins anew
UPDATE feed_once
SET position = $4, begun = CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint), done = NULL
WHERE group_name = $1 AND feed = $2 AND key = $3
