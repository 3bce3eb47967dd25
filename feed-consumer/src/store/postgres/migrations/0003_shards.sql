-- Shards, their leases and the workers that hold them.

-- Into how many shards the subscription is cut; NULL until it is. Once it is, the cursors of the
-- shards say how far it has come.
ALTER TABLE feed_cursors ADD COLUMN shards bigint
CONSTRAINT feed_cursors_shards CHECK (shards BETWEEN 1 AND 4096);

-- Another number of shards that is asked for; NULL if none is.
ALTER TABLE feed_cursors ADD COLUMN reshard_to bigint
CONSTRAINT feed_cursors_reshard_to CHECK (reshard_to BETWEEN 1 AND 4096);

-- How far every shard goes before they are cut anew; NULL while they are given back, and where no
-- other number is asked for.
ALTER TABLE feed_cursors ADD COLUMN barrier bigint
CONSTRAINT feed_cursors_barrier CHECK (barrier IS NULL OR (barrier >= 0 AND reshard_to IS NOT NULL));

-- One row for each shard: who holds it, until when, under which token, and how far it has come.
-- All of it in one row, so that who may move the cursor is decided where it moves. Half of each
-- block stays free, since a row changes with every sign of life.
CREATE TABLE feed_shards (
    -- The subscription, as in feed_cursors.
    group_name text COLLATE "C" NOT NULL,
    feed text COLLATE "C" NOT NULL,
    -- The number of the shard, from 0.
    shard bigint NOT NULL,
    -- The worker that acquired it last, as in feed_workers; NULL once it has given it back.
    holder text COLLATE "C",
    -- Raised by one with each acquisition; 0 before the first. What a holder writes is
    -- conditional on it.
    token bigint NOT NULL DEFAULT 0,
    -- When the lease ends, unless it is renewed; 0 if nobody holds it.
    expires bigint NOT NULL DEFAULT 0,
    -- At most so many events of the shard are handled beyond the cursor by the worker that acquired
    -- it last.
    reach bigint NOT NULL DEFAULT 0,
    -- So many of the shard's events after the cursor may have ended a worker that had it.
    suspects bigint NOT NULL DEFAULT 0,
    -- Attempts to handle one event with nothing else in hand: which event, and how many of them have
    -- begun and not returned.
    tried bigint,
    alone bigint NOT NULL DEFAULT 0,
    -- Since when it is paused, by whom and why; NULL if it is not.
    paused bigint,
    paused_by text,
    pause_reason text,
    -- The last position passed: all events of the shard up to it have been handled.
    position bigint NOT NULL,
    -- The last event of the shard that was read, as in feed_cursors. All of them or none.
    last_position bigint,
    last_source text,
    last_id text,
    last_digest bytea,
    -- The validators of the last document that was handled whole, as its server wrote them.
    etag text,
    last_modified text,
    -- When the cursor last moved.
    moved bigint NOT NULL,
    -- A subscription has each shard once.
    CONSTRAINT feed_shards_shard PRIMARY KEY (group_name, feed, shard),
    CONSTRAINT feed_shards_number CHECK (shard BETWEEN 0 AND 4095),
    CONSTRAINT feed_shards_token CHECK (token >= 0),
    -- A lease has a holder and an end, or neither.
    CONSTRAINT feed_shards_lease CHECK ((holder IS NULL) = (expires = 0)),
    CONSTRAINT feed_shards_suspects CHECK (reach >= 0 AND suspects >= 0),
    -- Attempts are about an event, or there are none.
    CONSTRAINT feed_shards_alone CHECK (alone >= 0 AND (tried IS NULL) = (alone = 0)),
    -- A pause is known whole or not at all.
    CONSTRAINT feed_shards_paused CHECK (
        (paused IS NULL) = (paused_by IS NULL) AND (paused IS NULL) = (pause_reason IS NULL)
    ),
    -- Positions are counted from 1; 0 is the place before the first event.
    CONSTRAINT feed_shards_position CHECK (position >= 0),
    -- A last event is known whole or not at all, and does not lie beyond the cursor.
    CONSTRAINT feed_shards_last CHECK (
        (last_position IS NULL) = (last_source IS NULL)
        AND (last_position IS NULL) = (last_id IS NULL)
        AND (last_position IS NULL) = (last_digest IS NULL)
        AND (last_position IS NULL OR last_position BETWEEN 1 AND position)
        AND (last_digest IS NULL OR length(last_digest) = 16)
    ),
    -- Shards belong to a subscription, and go with it.
    CONSTRAINT feed_shards_subscription FOREIGN KEY (group_name, feed)
    REFERENCES feed_cursors (group_name, feed) ON DELETE CASCADE
) WITH (fillfactor = 50);

-- One row for each worker: who it is, and when it was last heard of. It goes with the subscription,
-- but by no foreign key: a worker that registers would then lock the row of the subscription after
-- those of shards, and whoever forgets a subscription locks them in another order.
CREATE TABLE feed_workers (
    -- Its name here: random, new at each start.
    worker text COLLATE "C" NOT NULL,
    -- The subscription that it works for, as in feed_cursors.
    group_name text COLLATE "C" NOT NULL,
    feed text COLLATE "C" NOT NULL,
    -- Its machine and its process, for people.
    host text NOT NULL,
    process bigint NOT NULL,
    -- What tells on the same machine whether the process still lives; NULL where that cannot be
    -- told.
    identity text,
    -- How many times its share of the shards it takes.
    weight bigint NOT NULL,
    -- At most so many events of a shard are handled beyond its cursor.
    reach bigint NOT NULL,
    -- How long its leases last, in microseconds. It counts as alive that long after its last sign
    -- of life.
    lease bigint NOT NULL,
    -- When it registered, and when it was last heard of.
    started bigint NOT NULL,
    heartbeat bigint NOT NULL,
    -- What it says about its work, as JSON.
    report text NOT NULL,
    CONSTRAINT feed_workers_worker PRIMARY KEY (worker),
    CONSTRAINT feed_workers_weight CHECK (weight >= 1)
) WITH (fillfactor = 50);

-- Who shares a subscription.
CREATE INDEX feed_workers_of ON feed_workers (group_name, feed);
