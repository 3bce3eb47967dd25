-- alone_end: an attempt to handle an event with nothing else in hand has returned; no row if another worker has the shard
UPDATE feed_shards
SET
    tried = CASE WHEN tried = ?5 AND alone = 1 THEN NULL ELSE tried END,
    alone = CASE WHEN tried = ?5 THEN alone - 1 ELSE alone END
WHERE group_name = ?1 AND feed = ?2 AND shard = ?3 AND token = ?4
