-- pages_put: these pages are known so now
INSERT INTO feed_foreign_pages (group_name, feed, place, url, kind, state, oldest, linked)
SELECT $1, $2, pages.place, pages.url, pages.kind, pages.state, pages.oldest, pages.linked
FROM unnest($3::bigint [], $4::text [], $5::text [], $6::text [], $7::text [], $8::boolean [])
    AS pages (place, url, kind, state, oldest, linked)
ON CONFLICT (group_name, feed, url) DO UPDATE SET
    place = excluded.place,
    kind = excluded.kind,
    state = excluded.state,
    oldest = excluded.oldest,
    linked = excluded.linked
