-- entries_searched: the feed was read to its end by the worker that has a shard under this token
UPDATE feed_cursors SET searched = searched + 1
WHERE
    group_name = ?1
    AND feed = ?2
    AND EXISTS (
        SELECT 1
        FROM feed_shards AS kept
        WHERE kept.group_name = ?1 AND kept.feed = ?2 AND kept.shard = ?3 AND kept.token = ?4
    )
