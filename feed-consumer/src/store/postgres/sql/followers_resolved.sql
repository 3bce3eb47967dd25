-- followers_resolved: of a subject, what is resolved goes, and the event of this position
DELETE FROM feed_followers
WHERE
    group_name = $1
    AND feed = $2
    AND shard = $3
    AND subject = $4
    AND (resolved = 1 OR position = $5)
