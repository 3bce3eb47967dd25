-- entries_put: these entries were found
INSERT INTO feed_entries (group_name, feed, position, updated, hash, event)
SELECT ?1, ?2, value ->> 0, value ->> 1, value ->> 2, value ->> 3
FROM json_each(?3)
