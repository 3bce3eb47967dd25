-- shards_lock: nobody else writes to the shards of a subscription until the transaction ends
SELECT 1 FROM feed_shards WHERE group_name = $1 AND feed = $2 ORDER BY shard FOR UPDATE
