-- pages_drop: the pages from this place to that one that are not done are of no use any more
DELETE FROM feed_foreign_pages
WHERE group_name = $1 AND feed = $2 AND state <> 'done' AND place BETWEEN $3 AND $4
