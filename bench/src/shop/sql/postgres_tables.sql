-- postgres_tables: the tables of a shop beside its feeds
CREATE TABLE inserted_events (LIKE feed_events INCLUDING ALL);

CREATE TABLE shop_orders (
    id bigint PRIMARY KEY,
    changes bigint NOT NULL DEFAULT 0
);

INSERT INTO shop_orders (id) SELECT * FROM generate_series(0, 8);

CREATE TABLE shop_log (
    id text PRIMARY KEY,
    type text NOT NULL,
    subject text,
    data bytea
);
