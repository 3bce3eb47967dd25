-- The feeds, the events that they hold, and the outbox in which events wait that were published in
-- their callers' own transactions.
--
-- Times are microseconds since the Unix epoch. Text is compared byte by byte (COLLATE "C"), which is
-- quick, and means the same on every machine.

-- One row for each feed: what stays. Whoever publishes in a transaction reads it, so nothing that
-- changes with every append stands here: while an old transaction is open, readers have to pass over
-- all that was changed since it began.
CREATE TABLE feed_feeds (
    -- What the other tables call the feed.
    key bigint GENERATED ALWAYS AS IDENTITY,
    -- What URLs call the feed.
    name text COLLATE "C" NOT NULL,
    -- What people call the feed.
    title text NOT NULL,
    -- The permanent atom:id of the feed.
    iri text COLLATE "C" NOT NULL,
    -- The authority (RFC 4151) of the tag: ids of the feed's entries; their date is the day of
    -- "created".
    authority text NOT NULL,
    -- How many positions a page holds. Never changed: pages are arithmetic.
    page_size bigint NOT NULL,
    -- The mark of the feed's present life. The only setting that can change.
    incarnation text NOT NULL,
    -- When the feed was created.
    created bigint NOT NULL,
    CONSTRAINT feed_feeds_key PRIMARY KEY (key),
    -- Two feeds cannot share the URL.
    CONSTRAINT feed_feeds_name UNIQUE (name),
    -- A page of none would never fill; the upper bound is that of the protocol.
    CONSTRAINT feed_feeds_page_size CHECK (page_size BETWEEN 1 AND 1000)
);

-- One row for each feed: how far it has come. Half of each block stays free, since a row changes with
-- every append.
CREATE TABLE feed_heads (
    -- The feed.
    feed bigint NOT NULL,
    -- The position of the newest event, 0 while there is none. Read and raised in the transaction
    -- that inserts events, under this row's lock, so that positions have no gaps and grow in the
    -- order of commits.
    position bigint NOT NULL DEFAULT 0,
    -- The "updated" of the newest event; the feed's "created" while there is none.
    updated bigint NOT NULL,
    CONSTRAINT feed_heads_feed PRIMARY KEY (feed),
    -- A feed that has a head cannot go. Events need no such constraint of their own: they are
    -- inserted under the lock of this row, so that there is nothing to check again for each.
    CONSTRAINT feed_heads_of FOREIGN KEY (feed) REFERENCES feed_feeds (key),
    -- Positions are counted from 1.
    CONSTRAINT feed_heads_position CHECK (position >= 0)
) WITH (fillfactor = 50);

-- One row for each event; never changed.
CREATE TABLE feed_events (
    -- The feed that holds the event.
    feed bigint NOT NULL,
    -- The event's place in the feed: 1, 2, 3 ...
    position bigint NOT NULL,
    -- When it was given its place, by the database's clock; never lower than at the position
    -- before.
    updated bigint NOT NULL,
    -- The atom:id of its entry.
    iri text COLLATE "C" NOT NULL,
    -- The attributes of CloudEvents, as the producer stated them; NULL where it did not.
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    subject text COLLATE "C",
    time text,
    datacontenttype text,
    dataschema text,
    -- The extension attributes, a JSON object of strings, numbers and booleans, so that they keep
    -- their CloudEvents types; NULL where there are none.
    extensions text,
    -- The data, byte for byte; NULL where there are none, which is not the same as no bytes.
    data bytea,
    -- A place is taken once. Pages and tails are runs of this index.
    CONSTRAINT feed_events_place PRIMARY KEY (feed, position),
    -- Publishing is idempotent. The id comes before the source, so that the index also tells
    -- whether another source has used an id.
    CONSTRAINT feed_events_id UNIQUE (feed, id, source),
    -- Positions are counted from 1.
    CONSTRAINT feed_events_position CHECK (position >= 1)
);

-- The events of one entity in their order, and their number.
CREATE INDEX feed_events_subject ON feed_events (feed, subject, position)
WHERE subject IS NOT NULL;

-- One row for each event that was published in its caller's own transaction and has no place yet.
-- Rows come and go quickly, so it is vacuumed often. It refers to its feed by no constraint: to check
-- one, a caller's transaction would lock the feed's row, and hold up every append until its end.
CREATE TABLE feed_outbox (
    -- The feed that the event is for.
    feed bigint NOT NULL,
    -- Its turn. Drawn under the subject's lock, so that the keys of one subject grow in the order in
    -- which their transactions commit; keys of different subjects may become visible in any order. It
    -- is no position: it has gaps, and commits overtake it.
    key bigint GENERATED ALWAYS AS IDENTITY,
    -- The transaction that published it, which tells what a look cannot have seen.
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    -- The atom:id that its entry gets if no other source has used its id by then.
    iri text COLLATE "C" NOT NULL,
    -- The event's attributes and data, as in feed_events.
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    subject text COLLATE "C",
    time text,
    datacontenttype text,
    dataschema text,
    extensions text,
    data bytea,
    -- Taken in the order of the keys.
    CONSTRAINT feed_outbox_place PRIMARY KEY (feed, key),
    -- Publishing is idempotent before the event has its place, too.
    CONSTRAINT feed_outbox_id UNIQUE (feed, id, source)
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);

-- The number of a subject's events that wait, for an expected version.
CREATE INDEX feed_outbox_subject ON feed_outbox (feed, subject)
WHERE subject IS NOT NULL;

-- What was committed since the last look. An expression in place of the feed, so that no other index
-- can be taken for it, however few rows there seem to be.
CREATE INDEX feed_outbox_transaction ON feed_outbox ((feed + 0), transaction);

-- What a statement sees of the transactions that were ever begun; a text that feed_waiting takes. It
-- begins with the start of this server, since another one counts its transactions anew.
CREATE FUNCTION feed_mark() RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT extract(EPOCH FROM pg_postmaster_start_time())::text || ' ' || pg_current_snapshot()::text
$$;

-- The oldest events that wait for a feed, "most" of them at most. With a mark, those alone that a
-- statement with this mark did not see: it has taken the others. Rows that were taken cannot be
-- removed while an older transaction is open, and without a mark every look passes over all of them.
CREATE FUNCTION feed_waiting(of_feed bigint, mark text, most bigint)
RETURNS TABLE (key bigint, place tid, id text, bytes bigint)
LANGUAGE sql STABLE
AS $$
    (
        SELECT waiting.key, waiting.ctid, waiting.id, coalesce(octet_length(waiting.data), 0)::bigint
        FROM feed_outbox AS waiting
        WHERE
            waiting.feed = of_feed
            AND (split_part(mark, ' ', 1) = extract(EPOCH FROM pg_postmaster_start_time())::text) IS NOT TRUE
        ORDER BY waiting.key
        LIMIT most
    )
    UNION ALL
    (
        SELECT unseen.key, unseen.ctid, unseen.id, unseen.bytes
        FROM (
            SELECT waiting.key, waiting.ctid, waiting.id, coalesce(octet_length(waiting.data), 0)::bigint AS bytes
            FROM feed_outbox AS waiting
            WHERE
                waiting.feed + 0 = of_feed
                AND waiting.transaction >= pg_snapshot_xmax(split_part(mark, ' ', 2)::pg_snapshot)
                AND split_part(mark, ' ', 1) = extract(EPOCH FROM pg_postmaster_start_time())::text
            UNION ALL
            SELECT waiting.key, waiting.ctid, waiting.id, waiting.bytes
            FROM pg_snapshot_xip(split_part(mark, ' ', 2)::pg_snapshot) AS open (transaction)
            -- OFFSET keeps it to one look at the index for each transaction.
            CROSS JOIN LATERAL (
                SELECT found.key, found.ctid, found.id, coalesce(octet_length(found.data), 0)::bigint AS bytes
                FROM feed_outbox AS found
                WHERE found.feed + 0 = of_feed AND found.transaction = open.transaction
                OFFSET 0
            ) AS waiting
            WHERE split_part(mark, ' ', 1) = extract(EPOCH FROM pg_postmaster_start_time())::text
        ) AS unseen
        ORDER BY unseen.key
        LIMIT most
    )
$$;

-- Events that were in the outbox and contradict what their feed holds under the same source and id.
-- They keep nothing waiting, and are kept for a person to look at.
CREATE TABLE feed_rejected (
    -- The feed that the event was for.
    feed bigint NOT NULL,
    -- Its key in the outbox.
    key bigint NOT NULL,
    -- The event's attributes and data, as in feed_events.
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    subject text COLLATE "C",
    time text,
    datacontenttype text,
    dataschema text,
    extensions text,
    data bytea,
    -- The position of the event that has the same source and id.
    existing bigint,
    -- When it was rejected.
    rejected bigint NOT NULL,
    CONSTRAINT feed_rejected_place PRIMARY KEY (feed, key)
);

-- One row: which server process empties the outbox while nobody appends.
CREATE TABLE feed_relay (
    -- Keeps it to one row.
    single boolean NOT NULL DEFAULT true,
    -- The process that holds the lease; empty while none does.
    holder text NOT NULL,
    -- When the lease ends, unless it is renewed.
    expires bigint NOT NULL,
    CONSTRAINT feed_relay_place PRIMARY KEY (single),
    CONSTRAINT feed_relay_single CHECK (single)
) WITH (fillfactor = 50);

INSERT INTO feed_relay (holder, expires) VALUES ('', 0);
