-- relay_lease: acquires the relay's lease for $1, or renews it, for $2 microseconds; no row while another holds it
UPDATE feed_relay
SET holder = $1, expires = present.now + $2
FROM (SELECT CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) AS now) AS present
WHERE feed_relay.holder = $1 OR feed_relay.expires <= present.now
RETURNING feed_relay.expires
