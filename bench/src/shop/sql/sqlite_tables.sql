-- sqlite_tables: the tables of a shop beside its feeds, but for the copy of feed_events
CREATE TABLE shop_orders (
    id INTEGER PRIMARY KEY,
    changes INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO shop_orders (id) VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8);

CREATE TABLE shop_log (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    subject TEXT,
    data BLOB
) STRICT;
