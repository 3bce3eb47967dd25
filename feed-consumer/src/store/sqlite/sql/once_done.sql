-- once_done: something was done
UPDATE feed_once SET done = CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000
WHERE group_name = ?1 AND feed = ?2 AND key = ?3
