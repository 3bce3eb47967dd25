-- What was found of feeds of other software, in the order in which it was found.

-- How many entries were found of a document of other software, which is the position of the last of
-- them; 0 for a feed with positions.
ALTER TABLE feed_cursors ADD COLUMN found bigint NOT NULL DEFAULT 0
CONSTRAINT feed_cursors_found CHECK (found >= 0);

-- How often such a feed was read to its end: by it a worker knows that nothing more was there.
ALTER TABLE feed_cursors ADD COLUMN searched bigint NOT NULL DEFAULT 0
CONSTRAINT feed_cursors_searched CHECK (searched >= 0);

-- What was handled before this was counted had been found, so that what comes next is numbered on
-- from there.
UPDATE feed_cursors
SET
    found = greatest(
        position,
        coalesce(
            (
                SELECT max(kept.position)
                FROM feed_shards AS kept
                WHERE kept.group_name = feed_cursors.group_name AND kept.feed = feed_cursors.feed
            ),
            0
        )
    )
WHERE incarnation IS NULL;

-- One row for each entry of a feed of other software, from when it is found until every shard has
-- passed it and nothing that waits behind a parked event needs it.
CREATE TABLE feed_entries (
    -- The subscription, as in feed_cursors.
    group_name text COLLATE "C" NOT NULL,
    feed text COLLATE "C" NOT NULL,
    -- Its place in the order in which entries were found: without gaps, and given once.
    position bigint NOT NULL,
    -- When it was last changed, as it says.
    updated bigint NOT NULL,
    -- What its shard is found by, whatever the number of shards: a hash (xxh3-64) of its subject, or
    -- of its source and id if it has none. Its 64 bits are those of a number without a sign.
    hash bigint NOT NULL,
    -- What happened: a CloudEvent in JSON, with its data byte for byte.
    event text NOT NULL,
    -- A position is given once.
    CONSTRAINT feed_entries_position PRIMARY KEY (group_name, feed, position),
    CONSTRAINT feed_entries_number CHECK (position >= 1),
    -- Entries belong to a subscription, and go with it.
    CONSTRAINT feed_entries_subscription FOREIGN KEY (group_name, feed)
    REFERENCES feed_cursors (group_name, feed) ON DELETE CASCADE
);
