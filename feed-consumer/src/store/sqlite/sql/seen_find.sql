-- seen_find: which of these entries have been handled, and how they were last changed then
SELECT seen.entry, seen.updated
FROM json_each(?3) AS entries
INNER JOIN feed_seen_entries AS seen
    ON seen.group_name = ?1 AND seen.feed = ?2 AND seen.entry = entries.value
