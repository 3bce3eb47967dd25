//! Texts of the help that are longer than a line.

/// The heading of what is done with events.
pub(super) const SINKS: &str = "What is done with events (one of --print, --exec, --forward)";

/// Below `feed-consumer --help`.
pub(super) const PROGRAM: &str = "\
Begin here, with a feed of your own or of others:
  # See what is in a feed; the second time, only what is new
  feed-consumer run http://127.0.0.1:3000/feeds/orders --print --until-idle

  # Run a command for each event, for ever; Ctrl-C ends it after the event in hand
  feed-consumer run http://127.0.0.1:3000/feeds/orders --group billing --exec './bill.sh'

  # Post each event to a service
  feed-consumer run http://127.0.0.1:3000/feeds/orders --group shop \\
    --forward https://shop.example/hooks/orders --forward-secret-file secret.txt

  # What may be relied on of a feed
  feed-consumer doctor https://blog.example/feed.xml

  # Several subscriptions in one process
  feed-consumer config example > consumer.toml
  feed-consumer run --config consumer.toml

  # How far each has come; handle everything again
  feed-consumer cursor show
  feed-consumer cursor set http://127.0.0.1:3000/feeds/orders --group billing --to beginning

  # What could not be handled, and why; handle it now
  feed-consumer parked list
  feed-consumer parked retry 1207

  # Share the work: start the same command several times, and watch
  feed-consumer status --watch

  # Stop for a while, whoever runs; cut the work into more shards
  feed-consumer pause --reason 'the shop moves'
  feed-consumer reshard 256

A feed is the address of its current document (see `feed-server --help`), or of an Atom document of
other software. A cursor, kept in ./consumer.db, is how far a group has come in a feed. It moves
once an event is handled: nothing is lost, and after a crash the last events are handled again.
An event that fails three times is parked: the later events of its subject wait, all others go on.

Each option has a variable: a flag goes before it, and it before the file of --config.

Exit codes:
  0  ended as asked: everything handled or parked (--until-idle), or SIGTERM or SIGINT
  1  the subscription cannot go on; one line says what, where, and the remedy
  2  the command line or the configuration is wrong
  3  an event could not be handled, and was to stop the subscription (--on-exhausted stop)
  4  nobody reads the output of --print any more; what was not taken is written again next time";

/// Below `feed-consumer run --help`.
pub(super) const RUN: &str = "\
Examples:
  # Follow a feed, one event in JSON a line
  feed-consumer run http://127.0.0.1:3000/feeds/orders --print

  # Run a command for each event, as the group `billing`, which has a cursor of its own
  feed-consumer run http://127.0.0.1:3000/feeds/orders --group billing --exec './bill.sh'

  # From cron: handle what is new, and end
  feed-consumer run http://127.0.0.1:3000/feeds/orders --until-idle --exec './bill.sh'

  # Post each event to a service, with a token; only what comes from now on
  feed-consumer run http://127.0.0.1:3000/feeds/orders --group shop --from now \\
    --forward https://shop.example/hooks/orders --forward-token-file token.txt

  # What happens to an entity, with jq
  feed-consumer run http://127.0.0.1:3000/feeds/orders --print --until-idle --group look \\
    | jq 'select(.subject == \"order-42\")'

With --config FILE, every subscription of the file runs until one fails or a signal comes. Then
--database, --from, --schedule, --until-idle, --give-up-after, --updates, --vanished, --max-pages,
--on-exhausted, --shards, --workers, --concurrency and --lease go
before what the file says, for all of them; everything else is in the file.

Exit codes:
  0  ended as asked: everything handled or parked (--until-idle), or SIGTERM or SIGINT
  1  the subscription cannot go on; one line says what, where, and the remedy
  2  the command line or the configuration is wrong
  3  an event could not be handled, and was to stop the subscription (--on-exhausted stop)
  4  nobody reads the output of --print any more; what was not taken is written again next time

The event in hand is finished at the first SIGTERM or SIGINT, within ten seconds; the second ends
the program at once.";

/// Of `--repair`.
pub(super) const REPAIR: &str = "\
Run a command (sh -c) for each parked event, which may mend it and have it handled again.

On its standard input it finds the parked event in a line of JSON: position, shard, type, subject,
error (a cause a line), attempts, retries, repairs, parked, followers, event (the CloudEvent, as in
the feed), and edited (what is handled instead, or null). What it says:

  exit status 0, and a CloudEvent in JSON on standard output: handle this instead, now; its source,
                 id and subject are those of the parked event
  exit status 0, and nothing on standard output: handle it as it is, now
  exit status 10: leave it to a person; the reason is what it writes to standard error
  any other exit status, no CloudEvent, or longer than --repair-deadline: the same

It runs beside the handling, for one event at a time: no event waits for it. It is asked about an
event when that is parked, and again when what it sent has failed, three times in all; everything is
on record (`feed-consumer parked show`). For example, a total that is text:

  --repair \"jq '.event | .data.total |= tonumber'\"";

/// Of `--schedule`, in a line.
pub(super) const SCHEDULE_SHORT: &str = "\
When to ask for news: `live` (the server tells of it), `every:5s`, `adaptive:200ms..60s`, or
`cron:\"*/5 8-18 * * MON-FRI\"@Europe/Berlin` [default: live]";

/// Of `--schedule`.
pub(super) const SCHEDULE: &str = "\
When to ask for news [default: live]

  live                 as soon as there is some: by the server's stream of events, by long poll where
                       that does not come through, or by asking now and then
  every:5s             at this interval
  adaptive:200ms..60s  soon while there is news, more and more seldom while there is none
  cron:\"*/5 8-18 * * MON-FRI\"@Europe/Berlin
                       at these minutes, in this time zone; UTC without one

Each is put off by a little chance, so that not all ask at once. The server can ask for longer pauses
(Retry-After, and max-age for feeds of other software). Failures are met with growing pauses.";

/// Of `--exec`.
pub(super) const EXEC: &str = "\
Run a command (through sh -c) for each event

The event is on its standard input, as a CloudEvent in JSON, and its attributes are in its
environment: FEED_EVENT_POSITION, FEED_EVENT_UPDATED, FEED_EVENT_ID, FEED_EVENT_SOURCE,
FEED_EVENT_TYPE, and if it has them FEED_EVENT_SUBJECT, FEED_EVENT_TIME,
FEED_EVENT_DATACONTENTTYPE, FEED_EVENT_DATASCHEMA, and FEED_EVENT_EXT_NAME for an extension `name`.
FEED_EVENT_SHARD is its shard, and FEED_EVENT_TOKEN the token of this worker's hold on that: what the
command changes elsewhere can be refused under a lower token than was seen of the same shard, since
it is of a worker that has lost its hold.

Exit status 0 means handled. After any other, or when it runs for longer than --deadline and is
killed, the event is tried again, three times within a second, and then parked: see --on-exhausted.";

/// Of `--forward`.
pub(super) const FORWARD: &str = "\
Post each event to this address, as a CloudEvent in binary mode

The attributes are in the fields ce-id, ce-source, ce-type and so on, the data is the body, and
feed-position says where the event stands in its feed. One event is under way at a time, in order.

Answers 2xx mean handled. So do 409 (the target has the event already) and 410 (it wants it no
more), which are counted and said at the end. After 408, 425, 429, 5xx, or none, the event is tried
again, three times within a second, and then parked; after any other answer it is parked at once, and
so after a redirect, which is not followed. See --on-exhausted. It is not posted again before a
Retry-After is over.

After a crash, or when an answer was lost, an event is posted again: the target tells events by
ce-source and ce-id.";

/// Below `feed-consumer status --help`.
pub(super) const STATUS: &str = "\
Examples:
  feed-consumer status
  feed-consumer status --watch
  feed-consumer status http://127.0.0.1:3000/feeds/orders --group billing --shards
  feed-consumer status --json | jq '.subscriptions[] | select(.lag_seconds > 60) | .group'

What it says of a subscription:
  position  up to where every shard has come, and where the feed ends; what lies between is behind,
            and how old the oldest event of it is, by the clocks of the feed and of the database; where
            no worker says that, for how long the cursor has stood still with something behind it
  events/s  how many events are handled or passed over, over the last five seconds
Of a worker:
  HEARD     when it last told the database that it lives, which it does about once a second
  WAITING   how many events it has read that wait for their turn
  ASKS      when it asks for news: its schedule, and in how long if that is known
  SHARDS    how many of the subscription's shards it holds, and which. They are shared evenly among
            the workers that live; the events of one subject are always in the same shard
Below that is what is wrong, or worth a look: workers that are silent, feeds that cannot be read,
events that fail and are tried again, another number of shards on its way, shards that somebody has
paused, that rest by themselves (most events fail; too many wait behind parked ones; what may have
ended a worker is handled one event at a time), or that nobody holds.

A worker that ends well gives its shards back and leaves. One that was killed is silent: on the same
machine the others see that its process is gone, and take its shards at once; from elsewhere they
take them when its leases have ended (--lease of `run`, 15 seconds).

Exit codes:
  0  shown, whatever it says; or Ctrl-C, with --watch
  1  the database cannot be read; one line says why
  2  the command line is wrong, or there is no such database";

/// Below `feed-consumer pause --help`.
pub(super) const PAUSE: &str = "\
Examples:
  feed-consumer pause --reason 'the shop moves'
  feed-consumer pause http://127.0.0.1:3000/feeds/orders --group billing
  feed-consumer pause --group billing --shard 7 --shard 12 --as ann

Workers finish what they have in hand of the shards, learn of it within a second or two, and handle
nothing more of them, whichever worker holds or takes them, until `feed-consumer resume`. `feed-consumer
status` says who has paused what, when and why.

Exit codes:
  0  the shards are paused, or were already
  1  the database cannot be written; one line says why
  2  the command line is wrong, or there is no such subscription or shard";

/// Below `feed-consumer resume --help`.
pub(super) const RESUME: &str = "\
Examples:
  feed-consumer resume
  feed-consumer resume --group billing --shard 7
  feed-consumer resume --group billing --json | jq .resumed

Exit codes:
  0  the shards go on, or were not paused
  1  the database cannot be written; one line says why
  2  the command line is wrong, or there is no such subscription or shard";

/// Below `feed-consumer reshard --help`.
pub(super) const RESHARD: &str = "\
Examples:
  feed-consumer reshard 256
  feed-consumer reshard 8 http://127.0.0.1:3000/feeds/orders --group billing --yes --wait 5m
  feed-consumer reshard 1 --group ledger   # from now on all events in one order

More shards let more workers and handlers work beside each other; with 1 all events are in one order.
With another number a subject may be in another shard, so that it is done in three steps: workers
give all shards back; all go up to the same position and are given back there; they are cut anew. The
workers go on by themselves, and nobody need restart them; but a later start that names another number
with --shards is refused.

The order is in the database. Workers carry it out, and so does this command, which shows how far it
is; when it ends before that (Ctrl-C, --wait), the order stays, and the same command shows it again.
To ask for the number that there is withdraws the order, as long as shards are being given back.

Exit codes:
  0  there are so many shards
  1  it is not done yet, or another number is on its way; one line says what
  2  the command line is wrong, or there is no such subscription";

/// Below `feed-consumer cursor --help`.
pub(super) const CURSOR: &str = "\
Examples:
  feed-consumer cursor show
  feed-consumer cursor show --json | jq 'select(.behind > 1000)'
  feed-consumer cursor set http://127.0.0.1:3000/feeds/orders --group billing --to beginning
  feed-consumer cursor set http://127.0.0.1:3000/feeds/orders --to 1200 --database billing.db
  feed-consumer cursor set http://127.0.0.1:3000/feeds/orders --to 2026-11-01T08:00:00Z
  feed-consumer cursor reset http://127.0.0.1:3000/feeds/orders --group billing --yes";

/// Below `cursor set --help` and `cursor reset --help`.
pub(super) const CURSOR_MOVED: &str = "\
It says first how many events will be handled again or passed over, and asks. Where there is no
terminal to ask on, it does nothing without --yes (exit code 2).

Parked events beyond the new place are forgotten, since they are handled again.

Stop the workers first: a cursor is not moved while one of them has leases on it.";

/// Below `feed-consumer parked --help`.
pub(super) const PARKED: &str = "\
An event that fails three times within a second, or for good, is set aside, so that the others can go
on: it is parked. The later events of its subject wait behind it, in order. It is tried again after
10 seconds, 1, 5 and 30 minutes and 2 hours, and then waits for you. (`run --on-exhausted stop` stops
before such an event instead.)

  # What is parked, and why
  feed-consumer parked list
  feed-consumer parked show 1207

  # The cause is gone: handle it now, or all of a kind
  feed-consumer parked retry 1207
  feed-consumer parked retry --all --error 'connection refused'

  # The event is wrong: mend its data, and handle it so
  feed-consumer parked show 1207 --json | jq .event.data > data.json
  feed-consumer parked edit 1207 --data data.json

  # It can never be handled: give it up, so that those behind it go on
  feed-consumer parked discard 1207 --reason 'a test order'

All of this is on record: `parked show` says who did what, and when.";

/// Below `feed-consumer parked list --help`.
pub(super) const PARKED_LIST: &str = "\
Examples:
  feed-consumer parked list --group billing
  feed-consumer parked list --type order.placed --older-than 1h
  feed-consumer parked list --json | jq -r 'select(.next_retry_seconds == null) | .position'

NEXT RETRY is `never` for an event that waits for you. BEHIND IT is how many events of its subject
wait.";

/// Below `parked retry --help`, `parked edit --help` and `parked discard --help`.
pub(super) const PARKED_ASKED: &str = "\
The worker that holds the event's shard does it. The command waits up to five seconds for that, and
says what became of it, or that it will be done when a worker holds the shard: start one with
`feed-consumer run`. Until then nothing else can be asked for about the event.

Exit codes:
  0  it is done, or will be
  1  it was not done; the answer says why
  2  the command line is wrong, or no such event is parked";
