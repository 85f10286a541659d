-- Reserved and provisioned concurrency. Only types and clauses that SQLite and PostgreSQL share (decision 0003).

CREATE TABLE reserved_concurrency (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    reserved BIGINT NOT NULL, -- executions; 0 stops the function
    PRIMARY KEY (account, region, name),
    FOREIGN KEY (account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE
);

CREATE TABLE provisioned_concurrency (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    qualifier TEXT NOT NULL, -- the number of a version, or an alias
    number BIGINT, -- that of a version, with which this goes; null for an alias
    requested BIGINT NOT NULL, -- environments, at least 1
    last_modified DOUBLE PRECISION NOT NULL, -- epoch seconds
    PRIMARY KEY (account, region, name, qualifier),
    FOREIGN KEY (account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE,
    FOREIGN KEY (account, region, name, number)
        REFERENCES function_versions (account, region, name, number) ON DELETE CASCADE
);
