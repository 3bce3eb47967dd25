-- followers_next: the first event of a subject that waits
SELECT min(position)
FROM feed_followers
WHERE group_name = $1 AND feed = $2 AND shard = $3 AND subject = $4
