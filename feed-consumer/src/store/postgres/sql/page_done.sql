-- page_done: the archive at this place has been handled
UPDATE feed_foreign_pages SET state = 'done'
WHERE group_name = $1 AND feed = $2 AND place = $3
