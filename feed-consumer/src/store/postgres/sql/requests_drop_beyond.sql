-- requests_drop_beyond: what is asked for beyond a position goes
DELETE FROM feed_park_requests WHERE group_name = $1 AND feed = $2 AND position > $3
