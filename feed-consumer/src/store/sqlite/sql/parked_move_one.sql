-- parked_move_one: an event without a subject that is parked goes to the shard that it has now
UPDATE feed_parked SET shard = ?4 WHERE group_name = ?1 AND feed = ?2 AND position = ?3
