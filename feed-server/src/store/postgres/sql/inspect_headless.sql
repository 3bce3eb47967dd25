-- inspect_headless: the first feed, by name, that has no head
SELECT feed.name
FROM feed_feeds AS feed
LEFT JOIN feed_heads AS head ON feed.key = head.feed
WHERE head.feed IS NULL
ORDER BY feed.name
LIMIT 1
