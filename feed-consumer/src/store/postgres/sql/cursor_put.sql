-- cursor_put: a cursor is put elsewhere by hand; no row if it does not stand where it is said to
UPDATE feed_cursors
SET
    incarnation = $5,
    position = $6,
    last_position = $7,
    last_source = $8,
    last_id = $9,
    last_digest = $10,
    etag = $11,
    last_modified = $12,
    moved = CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)
WHERE group_name = $1 AND feed = $2 AND incarnation IS NOT DISTINCT FROM $3 AND position = $4
