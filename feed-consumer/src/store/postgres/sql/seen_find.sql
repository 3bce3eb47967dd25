-- seen_find: which of these entries have been handled, and how they were last changed then
SELECT entry, updated FROM feed_seen_entries
WHERE group_name = $1 AND feed = $2 AND entry = any($3::text [])
