-- reshard_done: a subscription is cut into so many shards, as was asked for
UPDATE feed_cursors SET shards = ?3, reshard_to = NULL, barrier = NULL
WHERE group_name = ?1 AND feed = ?2
