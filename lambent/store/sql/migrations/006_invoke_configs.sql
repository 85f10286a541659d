-- How asynchronous and recursive invocations are treated. Only types and clauses that SQLite and PostgreSQL share.

CREATE TABLE event_invoke_configs (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    qualifier TEXT NOT NULL, -- $LATEST, the number of a version, or an alias
    number BIGINT, -- that of a version (0 is $LATEST), with which this goes; null for an alias
    max_age_s BIGINT, -- null: never said, so that AWS's default applies
    max_retries BIGINT, -- null: the same
    on_success TEXT NOT NULL, -- ARN; empty: none
    on_failure TEXT NOT NULL,
    last_modified DOUBLE PRECISION NOT NULL, -- epoch seconds
    PRIMARY KEY (account, region, name, qualifier),
    FOREIGN KEY (account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE,
    FOREIGN KEY (account, region, name, number)
        REFERENCES function_versions (account, region, name, number) ON DELETE CASCADE
);

CREATE TABLE recursion_configs (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    recursive_loop TEXT NOT NULL, -- Allow | Terminate
    PRIMARY KEY (account, region, name),
    FOREIGN KEY (account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE
);
