-- read_position_before: the last position of feed ?1 with updated < ?2, found by halving, since updated never falls; low is known to be before, and what follows high not to be
WITH RECURSIVE search (low, high) AS (
    SELECT 0, head_position FROM feed_feeds WHERE key = ?1
    UNION ALL
    SELECT
        iif(event.updated < ?2, event.position, search.low),
        iif(event.updated < ?2, search.high, event.position - 1)
    FROM search
    INNER JOIN feed_events AS event
        ON event.feed = ?1 AND event.position = (search.low + search.high + 1) / 2
    WHERE search.low < search.high
)

SELECT low FROM search WHERE low >= high
