-- shards_forget_all: every shard of a subscription goes, since nothing cascades where foreign_keys are off
DELETE FROM feed_shards WHERE group_name = ?1 AND feed = ?2
