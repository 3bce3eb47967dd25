-- seen_add: entries have been handled, as they were when they were last changed
INSERT INTO feed_seen_entries (group_name, feed, entry, updated, document)
SELECT cursors.group_name, cursors.feed, entries.entry, entries.updated, cursors.documents
FROM unnest($3::text [], $4::bigint []) AS entries (entry, updated), feed_cursors AS cursors
WHERE cursors.group_name = $1 AND cursors.feed = $2
ON CONFLICT (group_name, feed, entry) DO UPDATE SET updated = excluded.updated
