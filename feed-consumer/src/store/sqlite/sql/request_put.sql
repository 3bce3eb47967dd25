-- request_put: a person asks for something to be done with a parked event; no row if somebody does, or it is not parked
INSERT INTO feed_park_requests (group_name, feed, position, line, action, who, reason, edited)
SELECT group_name, feed, position, ?4, ?5, ?6, ?7, ?8
FROM feed_parked
WHERE group_name = ?1 AND feed = ?2 AND position = ?3
ON CONFLICT (group_name, feed, position) DO NOTHING
