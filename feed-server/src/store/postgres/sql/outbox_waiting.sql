-- outbox_waiting: the feeds in whose outbox committed events wait; $1 feeds that were looked at, $2 the marks of those looks. They are selected, so that it is not planned anew for those of each look
SELECT feed.key
FROM feed_feeds AS feed
LEFT JOIN unnest((SELECT $1::bigint []), (SELECT $2::text [])) AS look (feed, mark) ON feed.key = look.feed
WHERE EXISTS (SELECT 1 FROM feed_waiting(feed.key, look.mark, 1))
ORDER BY feed.key
