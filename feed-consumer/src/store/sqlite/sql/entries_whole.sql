-- entries_whole: all of a document was found, which has these validators
UPDATE feed_cursors SET etag = ?3, last_modified = ?4 WHERE group_name = ?1 AND feed = ?2
