-- Code signing. Only types and clauses that SQLite and PostgreSQL share (decision 0003).

CREATE TABLE code_signing_configs (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    id TEXT NOT NULL, -- csc-…
    publishers TEXT NOT NULL, -- JSON array: ARNs of profile versions
    policy TEXT NOT NULL, -- Warn | Enforce
    description TEXT, -- null: none was given
    last_modified TEXT NOT NULL, -- 2026-01-31T12:00:00.000+0000
    tags TEXT NOT NULL, -- JSON object
    PRIMARY KEY (account, region, id)
);

CREATE TABLE function_code_signing (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL, -- of the function
    id TEXT NOT NULL, -- of the configuration
    PRIMARY KEY (account, region, name),
    FOREIGN KEY (account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE,
    FOREIGN KEY (account, region, id) REFERENCES code_signing_configs (account, region, id)
);

CREATE INDEX function_code_signing_by_config ON function_code_signing (account, region, id);

CREATE TABLE signing_profiles (
    arn TEXT NOT NULL, -- of a profile version
    certificates TEXT NOT NULL, -- PEM: what its signatures must lead to
    own BIGINT NOT NULL, -- 0 | 1: made by `lambent signing create`
    created_at DOUBLE PRECISION NOT NULL, -- epoch seconds
    PRIMARY KEY (arn)
);

CREATE TABLE signing_revocations (
    arn TEXT NOT NULL, -- of a profile version or a signing job
    revoked_at DOUBLE PRECISION NOT NULL, -- epoch seconds
    PRIMARY KEY (arn)
);
