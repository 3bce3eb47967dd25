-- follower_resolved: the event of this position is resolved, and others of its subject wait
INSERT INTO feed_followers (group_name, feed, shard, subject, position, resolved)
VALUES ($1, $2, $3, $4, $5, 1)
