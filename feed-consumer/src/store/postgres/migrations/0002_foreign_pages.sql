-- The pages of feeds without positions, and when their entries were changed.

-- When the entry said that it was last changed, as it was handled; NULL if that is not known.
ALTER TABLE feed_seen_entries ADD COLUMN updated bigint;

-- One row for each page of a feed of other software, beside the document that is subscribed to:
-- what was found by walking back, and what has been handled of it.
CREATE TABLE feed_foreign_pages (
    -- The subscription, as in feed_cursors.
    group_name text COLLATE "C" NOT NULL,
    feed text COLLATE "C" NOT NULL,
    -- The order in which pages are handled: a page with a lower place is older.
    place bigint NOT NULL,
    -- Its address.
    url text COLLATE "C" NOT NULL,
    -- By which relation it was found: archive (prev-archive) or paged (next).
    kind text NOT NULL,
    -- found: a link leads to it. walked: it has been read to learn which page is before it.
    -- done: its entries have been handled; kept of archives alone, which never change.
    state text NOT NULL,
    -- The atom:id of the oldest entry that stood on it when it was walked.
    oldest text,
    -- Whether an entry that had been handled stood on a newer page, when this one was found.
    linked boolean NOT NULL,
    -- An address is one page.
    CONSTRAINT feed_foreign_pages_url PRIMARY KEY (group_name, feed, url),
    CONSTRAINT feed_foreign_pages_kind CHECK (kind IN ('archive', 'paged')),
    CONSTRAINT feed_foreign_pages_state CHECK (state IN ('found', 'walked', 'done')),
    -- Pages belong to a cursor, and go with it.
    CONSTRAINT feed_foreign_pages_subscription FOREIGN KEY (group_name, feed)
    REFERENCES feed_cursors (group_name, feed) ON DELETE CASCADE
);

-- What has been handled is one place.
CREATE INDEX feed_foreign_pages_place ON feed_foreign_pages (group_name, feed, place);
