-- shards_count: into how many shards a subscription is cut; NULL if it is not
SELECT shards FROM feed_cursors WHERE group_name = $1 AND feed = $2
