-- cursor_advance: the cursor moves on; no row if it does not stand where the caller left it
UPDATE feed_cursors
SET
    position = $5,
    last_position = $6,
    last_source = $7,
    last_id = $8,
    last_digest = $9,
    etag = $10,
    last_modified = $11,
    moved = CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)
WHERE
    group_name = $1
    AND feed = $2
    AND incarnation IS NOT DISTINCT FROM $3
    AND position = $4
    AND position <= $5
