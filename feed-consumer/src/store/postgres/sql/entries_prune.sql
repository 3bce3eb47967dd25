-- entries_prune: entries that every shard has passed go, but for those that wait behind parked events
DELETE FROM feed_entries
WHERE
    group_name = $1
    AND feed = $2
    AND position <= (
        SELECT min(kept.position)
        FROM feed_shards AS kept
        WHERE kept.group_name = $1 AND kept.feed = $2
    )
    AND NOT EXISTS (
        SELECT 1
        FROM feed_followers AS followers
        WHERE
            followers.group_name = $1
            AND followers.feed = $2
            AND followers.position = feed_entries.position
    )
