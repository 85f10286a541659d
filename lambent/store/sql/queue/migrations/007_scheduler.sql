-- EventBridge Scheduler: schedules and their groups. Only types and clauses that SQLite and PostgreSQL share.

CREATE TABLE schedule_groups (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    tags TEXT NOT NULL, -- JSON
    created DOUBLE PRECISION NOT NULL, -- epoch seconds
    modified DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account, region, name)
);

CREATE TABLE schedules (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    group_name TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL, -- JSON: members of GetSchedule
    created DOUBLE PRECISION NOT NULL, -- epoch seconds
    modified DOUBLE PRECISION NOT NULL,
    planned DOUBLE PRECISION NOT NULL, -- epoch seconds of the next time; 0: there is none
    due DOUBLE PRECISION NOT NULL, -- the same, somewhere in its flexible window
    PRIMARY KEY (account, region, group_name, name)
);
