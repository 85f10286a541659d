-- CloudWatch Logs: groups and streams of clients, and what they put there; the logs of functions are files. Only types
-- and clauses that SQLite and PostgreSQL share.

CREATE TABLE log_groups (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL, -- JSON: services/logs/nouns.py
    created BIGINT NOT NULL, -- epoch milliseconds, as all times here
    PRIMARY KEY (account, region, name)
);

CREATE TABLE log_streams (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    group_name TEXT NOT NULL,
    name TEXT NOT NULL,
    created BIGINT NOT NULL,
    first_at BIGINT NOT NULL, -- 0: it has no event
    last_at BIGINT NOT NULL,
    taken BIGINT NOT NULL, -- when the last of them came
    PRIMARY KEY (account, region, group_name, name)
);

CREATE TABLE log_events (
    id BIGINT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    group_name TEXT NOT NULL,
    stream TEXT NOT NULL,
    at BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    message TEXT NOT NULL
);

CREATE INDEX log_events_of_group ON log_events (account, region, group_name, at, id);

-- How far the log of a function in a group was read for subscription filters.
CREATE TABLE log_marks (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    group_name TEXT NOT NULL,
    directory TEXT NOT NULL,
    segment BIGINT NOT NULL,
    byte BIGINT NOT NULL,
    PRIMARY KEY (account, region, group_name, directory)
);
