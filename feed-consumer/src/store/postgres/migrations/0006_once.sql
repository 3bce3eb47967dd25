-- What handlers have done outside the database, and are not to do again.

-- One row for each thing that was begun.
CREATE TABLE feed_once (
    -- The subscription, as in feed_cursors.
    group_name text COLLATE "C" NOT NULL,
    feed text COLLATE "C" NOT NULL,
    -- What the handler calls it.
    key text COLLATE "C" NOT NULL,
    -- The place of the event for which it was begun.
    position bigint NOT NULL,
    -- When it was begun, and when it was done; NULL as long as that is not known.
    begun bigint NOT NULL,
    done bigint,
    -- A thing is done once.
    CONSTRAINT feed_once_key PRIMARY KEY (group_name, feed, key),
    CONSTRAINT feed_once_length CHECK (octet_length(key) <= 512),
    CONSTRAINT feed_once_number CHECK (position >= 1),
    -- What is remembered belongs to a subscription, and goes with it.
    CONSTRAINT feed_once_subscription FOREIGN KEY (group_name, feed)
    REFERENCES feed_cursors (group_name, feed) ON DELETE CASCADE
);

-- What was done longest ago, and is forgotten next.
CREATE INDEX feed_once_done ON feed_once (group_name, feed, done);
