-- shards_fence: whoever had a shard has it no more
UPDATE feed_shards SET token = token + 1 WHERE group_name = $1 AND feed = $2
