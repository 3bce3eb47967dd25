-- append_heads: locks the heads of the feeds of an append ($1), in the order of their keys, until its end; how far they have come, what time it is, and whether events wait in their outbox ($2 the marks of the last looks; selected, so that it is not planned anew for each). No key changes, so that nobody who refers to a head has to wait
SELECT
    head.feed,
    head.position,
    head.updated,
    CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint),
    EXISTS (SELECT 1 FROM feed_waiting(head.feed, look.mark, 1))
FROM feed_heads AS head
INNER JOIN unnest((SELECT $1::bigint []), (SELECT $2::text [])) AS look (feed, mark) ON head.feed = look.feed
ORDER BY head.feed
FOR NO KEY UPDATE OF head
