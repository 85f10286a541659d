-- Accepted asynchronous invocations, what is sent on when they end, and those that failed and went nowhere.

CREATE TABLE events (
    id INTEGER PRIMARY KEY, -- in order of acceptance
    request_id TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    qualifier TEXT NOT NULL, -- as the caller gave it; '' for none
    payload BLOB NOT NULL,
    trace TEXT NOT NULL,
    received DOUBLE PRECISION NOT NULL, -- epoch seconds
    due DOUBLE PRECISION NOT NULL, -- epoch seconds: not to be tried before
    attempts BIGINT NOT NULL,
    throttles BIGINT NOT NULL,
    taken BIGINT NOT NULL -- 1: it may be running; found so at a start, it may have run before
);

-- Each function's events in the order in which they are tried. Those taken are few, and passed over.
CREATE INDEX events_by_function ON events (account, region, name, due, id);
CREATE INDEX events_by_request ON events (request_id);
CREATE INDEX events_taken ON events (id) WHERE taken = 1;

CREATE TABLE letters (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL, -- of the function
    qualifier TEXT NOT NULL,
    kind TEXT NOT NULL, -- destination | dead-letter
    success BIGINT NOT NULL, -- of the invocation: 1 or 0
    target TEXT NOT NULL, -- ARN
    body BLOB NOT NULL,
    attributes TEXT NOT NULL, -- JSON
    ended TEXT NOT NULL, -- JSON: how the event ended, for the kept list if this cannot be delivered
    created DOUBLE PRECISION NOT NULL, -- epoch seconds
    due DOUBLE PRECISION NOT NULL, -- epoch seconds: not to be tried before
    tries BIGINT NOT NULL
);

-- Each target's letters in the order in which they are tried.
CREATE INDEX letters_by_target ON letters (target, due, id);
CREATE INDEX letters_by_request ON letters (request_id);

-- Letters to services that are not here: delivered, as far as Lambent goes; whoever stands in for them reads them here.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    qualifier TEXT NOT NULL,
    kind TEXT NOT NULL,
    success BIGINT NOT NULL,
    target TEXT NOT NULL,
    operation TEXT NOT NULL, -- of AWS's API that would have sent it: SendMessage, Publish, PutEvents, PutObject
    body BLOB NOT NULL,
    parameters TEXT NOT NULL, -- JSON: those of the operation besides the body
    delivered DOUBLE PRECISION NOT NULL, -- epoch seconds
    size BIGINT NOT NULL -- bytes that it counts for
);

CREATE INDEX outbox_by_request ON outbox (request_id);
CREATE INDEX outbox_by_age ON outbox (delivered, size);

-- Events that failed and had neither a destination nor a dead-letter queue, or could not be delivered there.
CREATE TABLE kept (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    qualifier TEXT NOT NULL,
    payload BLOB NOT NULL,
    trace TEXT NOT NULL,
    received DOUBLE PRECISION NOT NULL,
    failed DOUBLE PRECISION NOT NULL, -- epoch seconds
    condition TEXT NOT NULL, -- RetriesExhausted | EventAgeExceeded | ZeroReservedConcurrency | RecursionDetected | ...
    attempts BIGINT NOT NULL,
    status BIGINT NOT NULL, -- of the last attempt, as HTTP tells it
    error_type TEXT NOT NULL,
    answer BLOB NOT NULL, -- of the last attempt; cut to 64 KB
    undelivered TEXT NOT NULL, -- where it could not be delivered, and why; '' if it had nowhere to go
    size BIGINT NOT NULL -- bytes that it counts for
);

CREATE INDEX kept_by_request ON kept (request_id);
CREATE INDEX kept_by_age ON kept (failed, size);
