-- Event source mappings. Only types and clauses that SQLite and PostgreSQL share (decision 0003).

CREATE TABLE event_source_mappings (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    uuid TEXT NOT NULL,
    name TEXT NOT NULL, -- of the function, which may be gone: mappings stay (decision 0027)
    qualifier TEXT NOT NULL, -- of the function; empty: none
    kind TEXT NOT NULL, -- of source: sqs, fifo, kinesis, …
    source TEXT NOT NULL, -- EventSourceArn; empty: SelfManagedEventSource
    settings TEXT NOT NULL, -- JSON object: the members that the API shows as they were given
    enabled BIGINT NOT NULL, -- 0 | 1: what was asked for
    state TEXT NOT NULL, -- Creating | Enabling | Enabled | Disabling | Disabled | Updating | Deleting
    due DOUBLE PRECISION NOT NULL, -- epoch seconds at which a passing state is over; 0: it stays
    result TEXT NOT NULL, -- of the last batch: LastProcessingResult; empty: nothing was polled yet
    last_modified DOUBLE PRECISION NOT NULL, -- epoch seconds
    tags TEXT NOT NULL, -- JSON object
    PRIMARY KEY (account, region, uuid)
);

CREATE INDEX event_source_mappings_of_function ON event_source_mappings (account, region, name);
