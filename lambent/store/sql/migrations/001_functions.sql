-- Functions, their versions and tags. Only types and clauses that SQLite and PostgreSQL share (decision 0003).

CREATE TABLE functions (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL, -- epoch seconds
    PRIMARY KEY (account, region, name)
);

-- Outlives its function: AWS never gives a version number again, even to a function that was deleted and made anew.
CREATE TABLE version_counters (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    last_version BIGINT NOT NULL,
    PRIMARY KEY (account, region, name)
);

CREATE TABLE function_versions (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    number BIGINT NOT NULL, -- 0 is $LATEST
    revision TEXT NOT NULL,
    config TEXT NOT NULL, -- JSON, members in AWS's names
    code_digest TEXT NOT NULL,
    code_size BIGINT NOT NULL, -- bytes of the zip
    state TEXT NOT NULL,
    state_reason TEXT,
    state_reason_code TEXT,
    last_update_status TEXT,
    last_update_status_reason TEXT,
    last_update_status_reason_code TEXT,
    last_modified TEXT NOT NULL,
    PRIMARY KEY (account, region, name, number),
    FOREIGN KEY (account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE
);

CREATE TABLE function_tags (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    tag_key TEXT NOT NULL,
    tag_value TEXT NOT NULL,
    PRIMARY KEY (account, region, name, tag_key),
    FOREIGN KEY (account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE
);
