-- Publishing in a transaction of the caller's, as one statement: whatever becomes of the statement,
-- and of the program that sent it, no event is without its head, and no head without its event.

-- What is inserted here becomes an event of the feed of that name, at the place after its head. It
-- holds nothing.
CREATE VIEW feed_put (
    -- The name of the feed, and its atom:id, which tells it from feeds of other databases.
    feed,
    feed_iri,
    -- The atom:id of the entry, as it is where no other event of the feed has the id.
    iri,
    -- The event's attributes and data, as in feed_events.
    source,
    id,
    type,
    subject,
    time,
    datacontenttype,
    dataschema,
    extensions,
    data,
    -- When the connection's commits are synced to disk: PRAGMA synchronous.
    synchronous
) AS
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
WHERE false;

CREATE TRIGGER feed_put_insert INSTEAD OF INSERT ON feed_put
BEGIN
    -- Where anything is in the way, nothing is changed, and the program finds out what.
    SELECT RAISE(ABORT, 'feed_put: something is in the way')
    WHERE
        new.synchronous < 2
        OR NOT EXISTS (SELECT 1 FROM feed_feeds WHERE name = new.feed AND iri = new.feed_iri)
        OR EXISTS (
            SELECT 1
            FROM feed_events
            WHERE feed = (SELECT key FROM feed_feeds WHERE name = new.feed) AND id = new.id
        );

    UPDATE feed_feeds
    SET
        head_position = head_position + 1,
        head_updated = max(
            head_updated, CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000
        )
    WHERE name = new.feed;

    INSERT INTO feed_events (
        feed, position, updated, iri, source, id, type, subject, time,
        datacontenttype, dataschema, extensions, data
    )
    SELECT
        key, head_position, head_updated, new.iri, new.source, new.id, new.type, new.subject,
        new.time, new.datacontenttype, new.dataschema, new.extensions, new.data
    FROM feed_feeds
    WHERE name = new.feed;
END;
