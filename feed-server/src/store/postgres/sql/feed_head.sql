-- feed_head: how far a feed has come
SELECT position, updated FROM feed_heads WHERE feed = $1
