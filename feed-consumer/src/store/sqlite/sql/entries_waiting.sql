-- entries_waiting: how many of the entries that were found some shard has not passed
SELECT cursors.found - coalesce(
    (
        SELECT min(kept.position)
        FROM feed_shards AS kept
        WHERE kept.group_name = ?1 AND kept.feed = ?2
    ),
    cursors.found
)
FROM feed_cursors AS cursors
WHERE cursors.group_name = ?1 AND cursors.feed = ?2
