-- once_renew: what was done so long ago that it is not remembered begins anew
UPDATE feed_once
SET position = ?4, begun = CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000, done = NULL
WHERE group_name = ?1 AND feed = ?2 AND key = ?3
