-- shards_forget_all: every shard of a subscription goes
DELETE FROM feed_shards WHERE group_name = $1 AND feed = $2
