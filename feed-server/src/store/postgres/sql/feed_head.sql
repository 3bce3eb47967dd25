-- feed_head: how far a feed has come
SELECT head_position, head_updated FROM feed_feeds WHERE key = $1
