-- feed_create: a new feed; no row if its name is taken
INSERT INTO feed_feeds (name, title, iri, authority, page_size, incarnation, created, head_updated)
SELECT $1, $2, $3, $4, $5, $6, present.now, present.now
FROM (SELECT CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) AS now) AS present
ON CONFLICT (name) DO NOTHING
RETURNING key, name, title, iri, authority, page_size, incarnation, created
