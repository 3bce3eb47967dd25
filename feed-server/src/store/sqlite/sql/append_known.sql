-- append_known: which events of an append have an id that their feed holds already, and where the one of the same source stands; ?1 is a JSON array of [feed, id, source]
SELECT
    wanted.key,
    (
        SELECT position
        FROM feed_events
        WHERE feed = wanted.value ->> 0 AND id = wanted.value ->> 1 AND source = wanted.value ->> 2
    )
FROM json_each(?1) AS wanted
WHERE EXISTS (
    SELECT 1
    FROM feed_events
    WHERE feed = wanted.value ->> 0 AND id = wanted.value ->> 1
)
