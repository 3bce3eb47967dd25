-- once_prune: of what was done so long ago that it is not remembered, the oldest two go
DELETE FROM feed_once
WHERE
    group_name = ?1
    AND feed = ?2
    AND key IN (
        SELECT key FROM feed_once
        WHERE group_name = ?1 AND feed = ?2 AND done < CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000 - ?3
        ORDER BY done
        LIMIT 2
    )
