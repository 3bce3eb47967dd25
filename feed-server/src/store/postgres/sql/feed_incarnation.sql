-- feed_incarnation: begins the life $2 of the feed $1; no row if there is none of this name
UPDATE feed_feeds
SET incarnation = $2
WHERE name = $1
RETURNING key, name, title, iri, authority, page_size, incarnation, created
