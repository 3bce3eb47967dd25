-- feed_create: a new feed; no row if its name is taken
WITH feed AS (
    INSERT INTO feed_feeds (name, title, iri, authority, page_size, incarnation, created)
    VALUES (
        $1, $2, $3, $4, $5, $6, CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)
    )
    ON CONFLICT (name) DO NOTHING
    RETURNING key, name, title, iri, authority, page_size, incarnation, created
),

head AS (
    INSERT INTO feed_heads (feed, updated) SELECT key, created FROM feed
)

SELECT key, name, title, iri, authority, page_size, incarnation, created FROM feed
