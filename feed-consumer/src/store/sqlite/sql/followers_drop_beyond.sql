-- followers_drop_beyond: what waits beyond a position goes
DELETE FROM feed_followers WHERE group_name = ?1 AND feed = ?2 AND position > ?3
