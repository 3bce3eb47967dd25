-- reshard_lock: nobody asks for another number of shards until the transaction ends
SELECT 1 FROM feed_cursors WHERE group_name = $1 AND feed = $2 FOR NO KEY UPDATE
