-- shards_cut: a subscription is cut into so many shards; no row if it is cut already
UPDATE feed_cursors SET shards = ?3 WHERE group_name = ?1 AND feed = ?2 AND shards IS NULL
