-- once_find: whether something was done, and whether that is remembered
SELECT done IS NOT NULL AS was_done, coalesce(done < CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000 - ?4, false) AS is_past
FROM feed_once
WHERE group_name = ?1 AND feed = ?2 AND key = ?3
