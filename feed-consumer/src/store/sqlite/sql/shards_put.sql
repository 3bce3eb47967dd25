-- shards_put: the cursors of all shards are put at a place by hand, and nobody holds any
UPDATE feed_shards
SET
    holder = NULL,
    token = token + 1,
    expires = 0,
    suspects = 0,
    tried = NULL,
    alone = 0,
    position = ?3,
    last_position = ?4,
    last_source = ?5,
    last_id = ?6,
    last_digest = ?7,
    etag = ?8,
    last_modified = ?9,
    moved = CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000
WHERE group_name = ?1 AND feed = ?2
