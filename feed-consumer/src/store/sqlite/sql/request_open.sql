-- request_open: who asks for something about an event
SELECT who FROM feed_park_requests WHERE group_name = ?1 AND feed = ?2 AND position = ?3
