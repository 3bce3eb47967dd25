-- feed_list: all feeds, by name, and how far each has come
SELECT
    key, name, title, iri, authority, page_size, incarnation, created,
    head_position, head_updated
FROM feed_feeds
ORDER BY name
