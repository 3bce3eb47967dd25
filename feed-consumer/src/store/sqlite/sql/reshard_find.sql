-- reshard_find: how many shards there are, how many are asked for, and how far all go before that
SELECT shards, reshard_to, barrier FROM feed_cursors WHERE group_name = ?1 AND feed = ?2
