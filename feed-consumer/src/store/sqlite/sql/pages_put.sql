-- pages_put: these pages are known so now
INSERT INTO feed_foreign_pages (group_name, feed, place, url, kind, state, oldest, linked)
SELECT
    ?1,
    ?2,
    value ->> 'place',
    value ->> 'url',
    value ->> 'kind',
    value ->> 'state',
    value ->> 'oldest',
    value ->> 'linked'
FROM json_each(?3)
WHERE true
ON CONFLICT (group_name, feed, url) DO UPDATE SET
    place = excluded.place,
    kind = excluded.kind,
    state = excluded.state,
    oldest = excluded.oldest,
    linked = excluded.linked
