-- feed_list: all feeds, by name
SELECT key, name, title, iri, authority, page_size, incarnation, created
FROM feed_feeds
ORDER BY name
