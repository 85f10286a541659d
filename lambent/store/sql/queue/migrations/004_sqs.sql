-- Amazon SQS: queues and their messages. Only types and clauses that SQLite and PostgreSQL share.

CREATE TABLE sqs_queues (
    number INTEGER PRIMARY KEY, -- never given again
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    attributes TEXT NOT NULL, -- JSON: those that somebody has set
    tags TEXT NOT NULL, -- JSON
    created DOUBLE PRECISION NOT NULL, -- epoch seconds
    modified DOUBLE PRECISION NOT NULL,
    purged DOUBLE PRECISION NOT NULL, -- of the last PurgeQueue; 0: never
    deleted DOUBLE PRECISION NOT NULL -- 0: it is there; after that its messages are removed bit by bit, then its row
);

CREATE UNIQUE INDEX sqs_queues_by_name ON sqs_queues (account, region, name) WHERE deleted = 0;

CREATE TABLE sqs_messages (
    id INTEGER PRIMARY KEY, -- in order of acceptance, over all queues
    queue BIGINT NOT NULL, -- its number
    message_id TEXT NOT NULL,
    sent DOUBLE PRECISION NOT NULL, -- epoch seconds
    due DOUBLE PRECISION NOT NULL, -- epoch seconds: not visible before
    receives BIGINT NOT NULL,
    first_received DOUBLE PRECISION NOT NULL, -- 0: never
    group_id TEXT NOT NULL, -- MessageGroupId; '' for none
    dedup_id TEXT NOT NULL,
    size BIGINT NOT NULL, -- bytes
    content BLOB NOT NULL -- JSON: body, attributes and what else the sender gave
);

CREATE INDEX sqs_messages_by_queue ON sqs_messages (queue, id);

-- What a FIFO queue has accepted lately: whatever comes again within five minutes is the same message.
CREATE TABLE sqs_dedups (
    queue BIGINT NOT NULL,
    scope TEXT NOT NULL, -- the message group, where deduplication is by group; otherwise ''
    dedup_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sequence TEXT NOT NULL,
    until DOUBLE PRECISION NOT NULL, -- epoch seconds
    PRIMARY KEY (queue, scope, dedup_id)
);

CREATE INDEX sqs_dedups_by_age ON sqs_dedups (until);

CREATE TABLE sqs_move_tasks (
    id TEXT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL, -- ARN
    destination TEXT NOT NULL, -- ARN; '': each message goes back to where it came from
    rate BIGINT NOT NULL, -- messages per second; 0: as fast as it goes
    status TEXT NOT NULL, -- RUNNING | COMPLETED | CANCELLING | CANCELLED | FAILED
    moved BIGINT NOT NULL,
    to_move BIGINT NOT NULL,
    upto BIGINT NOT NULL, -- the last message that was there when it began
    started DOUBLE PRECISION NOT NULL, -- epoch seconds
    failure TEXT NOT NULL
);

CREATE INDEX sqs_move_tasks_by_source ON sqs_move_tasks (source, started);
