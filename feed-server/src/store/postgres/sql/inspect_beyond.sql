-- inspect_beyond: the last event of feed $1 beyond its head; NULL if there is none
SELECT max(event.position)
FROM feed_heads AS head
LEFT JOIN feed_events AS event ON head.feed = event.feed AND event.position > head.position
WHERE head.feed = $1
