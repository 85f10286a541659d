-- Amazon EventBridge: buses, rules with their targets, archives and replays. Only what SQLite and PostgreSQL share.

CREATE TABLE event_buses (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL, -- JSON: members of DescribeEventBus that somebody has set
    policy TEXT NOT NULL, -- JSON; '' for none
    tags TEXT NOT NULL, -- JSON
    created DOUBLE PRECISION NOT NULL, -- epoch seconds
    modified DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account, region, name)
);

CREATE TABLE event_rules (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    bus TEXT NOT NULL, -- name
    name TEXT NOT NULL,
    settings TEXT NOT NULL, -- JSON: members of DescribeRule
    targets TEXT NOT NULL, -- JSON: members of a Target, by Id
    tags TEXT NOT NULL, -- JSON
    anchor DOUBLE PRECISION NOT NULL, -- epoch seconds: from here a rate counts
    due DOUBLE PRECISION NOT NULL, -- epoch seconds of the next time of its schedule; 0: there is none
    PRIMARY KEY (account, region, bus, name)
);

CREATE TABLE event_archives (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL, -- JSON: members of DescribeArchive
    created DOUBLE PRECISION NOT NULL, -- epoch seconds
    PRIMARY KEY (account, region, name)
);

CREATE TABLE event_archived (
    id INTEGER PRIMARY KEY,
    archive TEXT NOT NULL, -- ARN
    at DOUBLE PRECISION NOT NULL, -- epoch seconds: the time of the event
    accepted DOUBLE PRECISION NOT NULL, -- epoch seconds: from here the retention counts
    body BLOB NOT NULL -- the event, JSON
);

CREATE INDEX event_archived_by_time ON event_archived (archive, at, id);

CREATE TABLE event_replays (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL, -- JSON: members of DescribeReplay, dates as epoch seconds
    last_at DOUBLE PRECISION NOT NULL, -- how far it has come: time and id of the event
    last_id BIGINT NOT NULL,
    PRIMARY KEY (account, region, name)
);
