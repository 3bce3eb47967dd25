-- pages_find: every page that is known of a feed, oldest first
SELECT place, url, kind, state, oldest, linked
FROM feed_foreign_pages
WHERE group_name = $1 AND feed = $2
ORDER BY place
