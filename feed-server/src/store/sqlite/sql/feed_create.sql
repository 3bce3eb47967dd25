-- feed_create: a new feed; no row if its name is taken
INSERT INTO feed_feeds (name, title, iri, authority, page_size, incarnation, created, head_updated)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, now, now
FROM (SELECT CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000 AS now)
WHERE true
ON CONFLICT (name) DO NOTHING
RETURNING key, name, title, iri, authority, page_size, incarnation, created
