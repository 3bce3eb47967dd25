-- cursor_list: every subscription, and where it stands
SELECT
    group_name, feed, url, begun, moved,
    incarnation, position, last_position, last_source, last_id, last_digest, etag, last_modified
FROM feed_cursors
ORDER BY group_name, url, feed
