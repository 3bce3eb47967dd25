-- Events that are set aside, what waits behind them, and what people ask to be done with them.

-- One row for each event that is set aside: everything that is needed to handle it later, or to
-- understand it.
CREATE TABLE feed_parked (
    -- The subscription, as in feed_cursors.
    group_name text COLLATE "C" NOT NULL,
    feed text COLLATE "C" NOT NULL,
    -- The event's place in the feed.
    position bigint NOT NULL,
    -- The shard whose holder decides what becomes of it, as in feed_shards.
    shard bigint NOT NULL,
    -- Its type and its subject, by which it is found; NULL for an event without a subject.
    event_type text COLLATE "C" NOT NULL,
    subject text COLLATE "C",
    -- When it was given its position.
    updated bigint NOT NULL,
    -- The event as the feed has it, and as it was mended, if it was: a CloudEvent in JSON, with
    -- its data byte for byte.
    event text NOT NULL,
    edited text,
    -- Why it failed last, a cause a line.
    error text NOT NULL,
    -- How often it was tried, and how often it was taken up again since it was parked.
    attempts bigint NOT NULL,
    retries bigint NOT NULL DEFAULT 0,
    -- How often a repair hook was asked what to do with it.
    repairs bigint NOT NULL DEFAULT 0,
    -- When it was parked.
    parked bigint NOT NULL,
    -- When it is taken up again; NULL if it waits for a person.
    due bigint,
    -- An event is parked once.
    CONSTRAINT feed_parked_position PRIMARY KEY (group_name, feed, position),
    CONSTRAINT feed_parked_number CHECK (position >= 1),
    CONSTRAINT feed_parked_shard CHECK (shard BETWEEN 0 AND 4095),
    CONSTRAINT feed_parked_counts CHECK (attempts >= 0 AND retries >= 0 AND repairs >= 0),
    -- What is parked belongs to a subscription, and goes with it.
    CONSTRAINT feed_parked_subscription FOREIGN KEY (group_name, feed)
    REFERENCES feed_cursors (group_name, feed) ON DELETE CASCADE
);

-- What is parked of a shard.
CREATE INDEX feed_parked_of ON feed_parked (group_name, feed, shard);

-- One row for each position that waits behind an event of its subject, which is parked or is another
-- of these. The event itself is read again when its turn comes.
CREATE TABLE feed_followers (
    -- The subscription, as in feed_cursors.
    group_name text COLLATE "C" NOT NULL,
    feed text COLLATE "C" NOT NULL,
    -- The event's place in the feed.
    position bigint NOT NULL,
    -- Its shard, as in feed_shards.
    shard bigint NOT NULL,
    -- The subject whose events wait.
    subject text COLLATE "C" NOT NULL,
    -- 1 once the event, or what was parked at this position, is resolved. Such a row waits for
    -- nothing: it tells the subject to whoever resolves it again, since an answer got lost, and goes
    -- with the next of its subject that is resolved.
    resolved bigint NOT NULL DEFAULT 0,
    -- A position waits once.
    CONSTRAINT feed_followers_position PRIMARY KEY (group_name, feed, position),
    CONSTRAINT feed_followers_number CHECK (position >= 1),
    CONSTRAINT feed_followers_shard CHECK (shard BETWEEN 0 AND 4095),
    CONSTRAINT feed_followers_resolved CHECK (resolved IN (0, 1)),
    -- What waits belongs to a subscription, and goes with it.
    CONSTRAINT feed_followers_subscription FOREIGN KEY (group_name, feed)
    REFERENCES feed_cursors (group_name, feed) ON DELETE CASCADE
);

-- What waits of a shard, subject by subject and in order.
CREATE INDEX feed_followers_of ON feed_followers (group_name, feed, shard, subject, position);

-- One row for each line of the record: who did what with a parked event, and when.
CREATE TABLE feed_parked_record (
    -- Greater for what was done later.
    line bigint GENERATED ALWAYS AS IDENTITY,
    -- The subscription, as in feed_cursors, and the event's place.
    group_name text COLLATE "C" NOT NULL,
    feed text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    -- When it was done.
    done bigint NOT NULL,
    -- A person as they name themselves, or a worker as its machine and process.
    who text NOT NULL,
    -- parked, failed, handled, discarded: what a worker did. retry-asked, discard-asked,
    -- edit-asked: what a person asked for. taken, refused: what a worker said to that. left: a
    -- repair hook leaves it to a person. forgotten: the cursor was put before the event by hand, or
    -- into another life of the feed.
    what text COLLATE "C" NOT NULL,
    -- An error or a reason; empty where there is none.
    why text NOT NULL,
    CONSTRAINT feed_parked_record_line PRIMARY KEY (line),
    CONSTRAINT feed_parked_record_what CHECK (
        what IN (
            'parked', 'failed', 'handled', 'discarded', 'retry-asked', 'discard-asked',
            'edit-asked', 'taken', 'refused', 'left', 'forgotten'
        )
    ),
    -- The record belongs to a subscription, and goes with it.
    CONSTRAINT feed_parked_record_subscription FOREIGN KEY (group_name, feed)
    REFERENCES feed_cursors (group_name, feed) ON DELETE CASCADE
);

-- What was done with an event.
CREATE INDEX feed_parked_record_of ON feed_parked_record (group_name, feed, position, line);

-- One row for each request of a person that no worker has answered.
CREATE TABLE feed_park_requests (
    -- The subscription and the place of a parked event, as in feed_parked.
    group_name text COLLATE "C" NOT NULL,
    feed text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    -- The line of the record that says who asked for it and when, by which it is answered.
    line bigint NOT NULL,
    -- retry, discard, edit.
    action text COLLATE "C" NOT NULL,
    -- Who asks, as they name themselves.
    who text NOT NULL,
    -- Why it is to be discarded.
    reason text,
    -- What is to be handled instead: a CloudEvent in JSON.
    edited text,
    -- Of two requests about one event, the second is refused until the first is answered.
    CONSTRAINT feed_park_requests_position PRIMARY KEY (group_name, feed, position),
    -- Each action with what it needs.
    CONSTRAINT feed_park_requests_action CHECK (
        action IN ('retry', 'discard', 'edit')
        AND (action = 'discard') = (reason IS NOT NULL)
        AND (action = 'edit') = (edited IS NOT NULL)
    ),
    -- A request is about a parked event, and goes with it.
    CONSTRAINT feed_park_requests_parked FOREIGN KEY (group_name, feed, position)
    REFERENCES feed_parked (group_name, feed, position) ON DELETE CASCADE
);
