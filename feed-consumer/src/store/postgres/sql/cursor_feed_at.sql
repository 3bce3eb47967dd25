-- cursor_feed_at: the feed that a group last read at an address
SELECT feed FROM feed_cursors WHERE group_name = $1 AND url = $2 ORDER BY moved DESC LIMIT 1
