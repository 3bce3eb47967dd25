-- alone_begin: an attempt to handle an event with nothing else in hand begins; how many have not returned; no row if another worker has the shard
UPDATE feed_shards
SET tried = $5, alone = CASE WHEN tried = $5 THEN alone + 1 ELSE 1 END
WHERE group_name = $1 AND feed = $2 AND shard = $3 AND token = $4
RETURNING alone
