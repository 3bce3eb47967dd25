-- once_done: something was done
UPDATE feed_once SET done = CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)
WHERE group_name = $1 AND feed = $2 AND key = $3
