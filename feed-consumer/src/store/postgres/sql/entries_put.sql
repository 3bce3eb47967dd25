-- entries_put: these entries were found
INSERT INTO feed_entries (group_name, feed, position, updated, hash, event)
SELECT $1, $2, entries.position, entries.updated, entries.hash, entries.event
FROM unnest($3::bigint [], $4::bigint [], $5::bigint [], $6::text [])
    AS entries (position, updated, hash, event)
