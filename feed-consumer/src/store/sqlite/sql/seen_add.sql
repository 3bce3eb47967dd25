-- seen_add: entries have been handled, as they were when they were last changed
INSERT INTO feed_seen_entries (group_name, feed, entry, updated, document)
SELECT ?1, ?2, entries.value ->> 'iri', entries.value ->> 'updated', cursors.documents
FROM json_each(?3) AS entries, feed_cursors AS cursors
WHERE cursors.group_name = ?1 AND cursors.feed = ?2
ON CONFLICT (group_name, feed, entry) DO UPDATE SET updated = excluded.updated
