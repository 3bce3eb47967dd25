-- The cursors, and the entries that have been handled of documents without positions.
--
-- Times are microseconds since the Unix epoch. Text is compared byte by byte (COLLATE "C"), which is
-- quick, and means the same on every machine.

-- One row for each subscription: how far it has come. Half of each block stays free, since a row
-- changes with every move.
CREATE TABLE feed_cursors (
    -- The workers that share the subscription, by the name that people gave them.
    group_name text COLLATE "C" NOT NULL,
    -- The permanent atom:id of the feed.
    feed text COLLATE "C" NOT NULL,
    -- Where the feed was read last; for people, and to notice another feed at the same address.
    url text COLLATE "C" NOT NULL,
    -- The life of the feed in which the position counts; NULL for a document of other software.
    incarnation text,
    -- The last position passed; for a document of other software, how many entries have been
    -- handled.
    position bigint NOT NULL,
    -- The last event that was read: its place, source, id, and a digest (xxh3-128) of it, to
    -- notice when the feed says something else of it. All of them or none.
    last_position bigint,
    last_source text,
    last_id text,
    last_digest bytea,
    -- The validators of the last document that was handled whole, as its server wrote them.
    etag text,
    last_modified text,
    -- How many documents have been handled whole: the clock by which entries are forgotten.
    documents bigint NOT NULL DEFAULT 0,
    -- When the subscription began, and when the cursor last moved.
    begun bigint NOT NULL,
    moved bigint NOT NULL,
    -- A group has one cursor in a feed.
    CONSTRAINT feed_cursors_subscription PRIMARY KEY (group_name, feed),
    -- Positions are counted from 1; 0 is the place before the first event.
    CONSTRAINT feed_cursors_position CHECK (position >= 0),
    -- A last event is known whole or not at all, and does not lie beyond the cursor.
    CONSTRAINT feed_cursors_last CHECK (
        (last_position IS NULL) = (last_source IS NULL)
        AND (last_position IS NULL) = (last_id IS NULL)
        AND (last_position IS NULL) = (last_digest IS NULL)
        AND (last_position IS NULL OR last_position BETWEEN 1 AND position)
        AND (last_digest IS NULL OR length(last_digest) = 16)
    )
) WITH (fillfactor = 50);

-- Which feed a group has read at an address. Without the time of the last move, which would make
-- every move write to the index.
CREATE INDEX feed_cursors_url ON feed_cursors (group_name, url);

-- One row for each entry that has been handled of a document of other software.
CREATE TABLE feed_seen_entries (
    -- The subscription, as in feed_cursors.
    group_name text COLLATE "C" NOT NULL,
    feed text COLLATE "C" NOT NULL,
    -- The atom:id of the entry.
    entry text COLLATE "C" NOT NULL,
    -- The last document that held the entry, by its number; see feed_cursors.documents.
    document bigint NOT NULL,
    -- An entry is handled once.
    CONSTRAINT feed_seen_entries_entry PRIMARY KEY (group_name, feed, entry),
    -- What has been seen belongs to a cursor, and goes with it.
    CONSTRAINT feed_seen_entries_subscription FOREIGN KEY (group_name, feed)
    REFERENCES feed_cursors (group_name, feed) ON DELETE CASCADE
);
