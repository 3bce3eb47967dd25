-- reshard_ask: another number of shards is asked for, or none if there are so many; no row if the barrier is set
UPDATE feed_cursors
SET reshard_to = nullif($3, shards)
WHERE group_name = $1 AND feed = $2 AND barrier IS NULL
