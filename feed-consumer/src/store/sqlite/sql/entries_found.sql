-- entries_found: so many entries were found
UPDATE feed_cursors SET found = ?3 WHERE group_name = ?1 AND feed = ?2
