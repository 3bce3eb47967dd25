-- inspect_beyond: the last event of feed ?1 beyond its head; NULL if there is none
SELECT max(event.position)
FROM feed_feeds AS feed
LEFT JOIN feed_events AS event ON event.feed = feed.key AND event.position > feed.head_position
WHERE feed.key = ?1
