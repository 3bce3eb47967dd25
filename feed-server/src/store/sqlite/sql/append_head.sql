-- append_head: the new head of a feed
UPDATE feed_feeds SET head_position = ?2, head_updated = ?3 WHERE key = ?1
