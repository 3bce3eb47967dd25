-- seen_mark: these entries are in the document of this number
UPDATE feed_seen_entries SET document = $4
WHERE group_name = $1 AND feed = $2 AND entry = any($3::text [])
