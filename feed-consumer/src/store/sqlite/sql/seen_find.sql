-- seen_find: which of these entries have been handled
SELECT seen.entry
FROM json_each(?3) AS entries
INNER JOIN feed_seen_entries AS seen
    ON seen.group_name = ?1 AND seen.feed = ?2 AND seen.entry = entries.value
