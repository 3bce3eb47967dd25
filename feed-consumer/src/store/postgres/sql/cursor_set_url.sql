-- cursor_set_url: the feed is read at this address now
UPDATE feed_cursors SET url = $3 WHERE group_name = $1 AND feed = $2
