-- follower_head: the head of the subject of an event that waits
SELECT
    coalesce(
        (
            SELECT min(parked.position) FROM feed_parked AS parked
            WHERE
                parked.group_name = $1
                AND parked.feed = $2
                AND parked.shard = follower.shard
                AND parked.subject = follower.subject
        ),
        (
            SELECT min(others.position) FROM feed_followers AS others
            WHERE
                others.group_name = $1
                AND others.feed = $2
                AND others.shard = follower.shard
                AND others.subject = follower.subject
                AND others.resolved = 0
        )
    ) AS head
FROM feed_followers AS follower
WHERE
    follower.group_name = $1
    AND follower.feed = $2
    AND follower.position = $3
    AND follower.resolved = 0
