-- cursor_find_settled: where a subscription stands, once whoever holds its row lets go of it
SELECT
    incarnation, position, last_position, last_source, last_id, last_digest, etag, last_modified
FROM feed_cursors
WHERE group_name = $1 AND feed = $2
FOR UPDATE
