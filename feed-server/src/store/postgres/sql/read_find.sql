-- read_find: where the event of a source and an id stands
SELECT position FROM feed_events WHERE feed = $1 AND id = $2 AND source = $3
