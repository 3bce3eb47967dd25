-- follower_drop: a position waits no more
DELETE FROM feed_followers WHERE group_name = ?1 AND feed = ?2 AND position = ?3
