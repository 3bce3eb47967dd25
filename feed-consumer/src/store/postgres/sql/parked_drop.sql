-- parked_drop: an event is set aside no more; its subject
DELETE FROM feed_parked WHERE group_name = $1 AND feed = $2 AND position = $3
RETURNING subject
