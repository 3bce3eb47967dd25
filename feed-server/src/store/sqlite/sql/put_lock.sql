-- put_lock: takes the write lock, and tells which feed has this name
UPDATE feed_feeds SET head_position = head_position WHERE name = ?1 RETURNING iri
