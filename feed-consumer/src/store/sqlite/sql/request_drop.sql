-- request_drop: what was asked for about an event is answered
DELETE FROM feed_park_requests WHERE group_name = ?1 AND feed = ?2 AND position = ?3
