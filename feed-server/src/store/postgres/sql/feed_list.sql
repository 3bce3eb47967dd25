-- feed_list: all feeds, by name, and how far each has come
SELECT
    feed.key, feed.name, feed.title, feed.iri, feed.authority, feed.page_size, feed.incarnation,
    feed.created, head.position, head.updated
FROM feed_feeds AS feed
INNER JOIN feed_heads AS head ON feed.key = head.feed
ORDER BY feed.name
