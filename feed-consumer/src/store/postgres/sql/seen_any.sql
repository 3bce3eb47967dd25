-- seen_any: whether any entry of a feed has been handled
SELECT EXISTS (SELECT 1 FROM feed_seen_entries WHERE group_name = $1 AND feed = $2)
