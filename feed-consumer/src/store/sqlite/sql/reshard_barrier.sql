-- reshard_barrier: every shard goes so far before they are cut anew; or none yet
UPDATE feed_cursors SET barrier = ?3 WHERE group_name = ?1 AND feed = ?2
