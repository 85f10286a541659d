-- Durable executions, their operations and their histories. The rows' documents are JSON of lambent/durable/nouns.py.

CREATE TABLE executions (
    number INTEGER PRIMARY KEY, -- in order of their starts
    id TEXT NOT NULL, -- the last part of the ARN
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    function TEXT NOT NULL,
    version TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    started DOUBLE PRECISION NOT NULL, -- epoch seconds
    wakes DOUBLE PRECISION, -- epoch seconds: when something happens to it by itself; NULL: nothing does
    times_out DOUBLE PRECISION, -- epoch seconds; NULL: it is over
    busy BIGINT NOT NULL, -- 1: an invocation is under way; found so at a start, it was when the server ended
    expires DOUBLE PRECISION, -- epoch seconds: when it is forgotten; NULL: it is not over
    document BLOB NOT NULL
);

CREATE UNIQUE INDEX executions_by_id ON executions (id);
CREATE INDEX executions_by_function ON executions (account, region, function, number);
CREATE INDEX executions_by_name ON executions (account, region, function, name, number);
CREATE INDEX executions_by_waking ON executions (wakes, number) WHERE wakes IS NOT NULL;
CREATE INDEX executions_by_timeout ON executions (times_out, number) WHERE times_out IS NOT NULL;
CREATE INDEX executions_by_expiry ON executions (expires, number) WHERE expires IS NOT NULL;
CREATE INDEX executions_busy ON executions (number) WHERE busy = 1;

CREATE TABLE operations (
    execution BIGINT NOT NULL,
    position BIGINT NOT NULL, -- in order of their starts; 0 is the execution itself
    document BLOB NOT NULL,
    PRIMARY KEY (execution, position)
);

CREATE TABLE history (
    execution BIGINT NOT NULL,
    number BIGINT NOT NULL, -- of the event, from 1
    document BLOB NOT NULL,
    PRIMARY KEY (execution, number)
);
