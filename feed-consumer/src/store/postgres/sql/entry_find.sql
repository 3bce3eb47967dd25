-- entry_find: the entry at a position
SELECT position, updated, hash, event
FROM feed_entries
WHERE group_name = $1 AND feed = $2 AND position = $3
