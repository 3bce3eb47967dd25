-- entries_read: what was found, and of it the entries after a position, up to another; one row at least
SELECT cursors.found, cursors.searched, entries.position, entries.updated, entries.hash, entries.event
FROM feed_cursors AS cursors
LEFT JOIN feed_entries AS entries
    ON
        cursors.group_name = entries.group_name
        AND cursors.feed = entries.feed
        AND entries.position > $3
        AND entries.position <= $4
WHERE cursors.group_name = $1 AND cursors.feed = $2
ORDER BY entries.position
