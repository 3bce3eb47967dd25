-- parked_drop_beyond: what is parked beyond a position goes
DELETE FROM feed_parked WHERE group_name = $1 AND feed = $2 AND position > $3
