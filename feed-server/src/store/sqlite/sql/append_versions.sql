-- append_versions: how many events subjects have; ?1 is a JSON array of [feed, subject]
SELECT
    wanted.key,
    (
        SELECT count(*)
        FROM feed_events
        WHERE feed = wanted.value ->> 0 AND subject = wanted.value ->> 1
    )
FROM json_each(?1) AS wanted
