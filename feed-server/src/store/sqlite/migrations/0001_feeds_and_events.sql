-- The feeds, and the events that they hold.
--
-- Times are microseconds since the Unix epoch. STRICT, so that no column can hold a value of
-- another type, whoever writes it.

-- One row for each feed.
CREATE TABLE feed_feeds (
    -- What the other tables call the feed. AUTOINCREMENT: the key of a feed that has been removed
    -- is never given to another one.
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    -- What URLs call the feed.
    name TEXT NOT NULL,
    -- What people call the feed.
    title TEXT NOT NULL,
    -- The permanent atom:id of the feed.
    iri TEXT NOT NULL,
    -- The authority (RFC 4151) of the tag: ids of the feed's entries; their date is the day of
    -- "created".
    authority TEXT NOT NULL,
    -- How many positions a page holds. Never changed: pages are arithmetic.
    page_size INTEGER NOT NULL,
    -- The mark of the feed's present life. The only setting that can change.
    incarnation TEXT NOT NULL,
    -- When the feed was created.
    created INTEGER NOT NULL,
    -- The position of the newest event, 0 while there is none. Read and raised in the transaction
    -- that inserts events, so that positions have no gaps and grow in the order of commits.
    head_position INTEGER NOT NULL DEFAULT 0,
    -- The "updated" of the newest event; "created" while there is none.
    head_updated INTEGER NOT NULL,
    -- Two feeds cannot share the URL.
    CONSTRAINT feed_feeds_name UNIQUE (name),
    -- A page of none would never fill; the upper bound is that of the protocol.
    CONSTRAINT feed_feeds_page_size CHECK (page_size BETWEEN 1 AND 1000),
    -- Positions are counted from 1.
    CONSTRAINT feed_feeds_head_position CHECK (head_position >= 0),
    -- Time does not run backwards in a feed.
    CONSTRAINT feed_feeds_head_updated CHECK (head_updated >= created)
) STRICT;

-- One row for each event; never changed.
CREATE TABLE feed_events (
    -- The feed that holds the event.
    feed INTEGER NOT NULL,
    -- The event's place in the feed: 1, 2, 3 ...
    position INTEGER NOT NULL,
    -- When it was given its place, by the database's clock; never lower than at the position
    -- before.
    updated INTEGER NOT NULL,
    -- The atom:id of its entry.
    iri TEXT NOT NULL,
    -- The attributes of CloudEvents, as the producer stated them; NULL where it did not.
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT,
    time TEXT,
    datacontenttype TEXT,
    dataschema TEXT,
    -- The extension attributes, a JSON object of strings, numbers and booleans, so that they keep
    -- their CloudEvents types; NULL where there are none.
    extensions TEXT,
    -- The data, byte for byte; NULL where there are none, which is not the same as no bytes. Last,
    -- because whatever follows a long value is slow to read.
    data BLOB,
    -- A place is taken once. Pages and tails are runs of this index.
    CONSTRAINT feed_events_place PRIMARY KEY (feed, position),
    -- Publishing is idempotent. The id comes before the source, so that the index also tells
    -- whether another source has used an id.
    CONSTRAINT feed_events_id UNIQUE (feed, id, source),
    -- Events belong to a feed.
    CONSTRAINT feed_events_feed FOREIGN KEY (feed) REFERENCES feed_feeds (key),
    -- Positions are counted from 1.
    CONSTRAINT feed_events_position CHECK (position >= 1)
) STRICT;

-- The events of one entity in their order, and their number.
CREATE INDEX feed_events_subject ON feed_events (feed, subject, position)
WHERE subject IS NOT NULL;
