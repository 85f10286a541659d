-- Capacity providers: descriptions of EC2 fleets, which are kept and shown. Only types and clauses that SQLite and
-- PostgreSQL share (decision 0003).

CREATE TABLE capacity_providers (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    details TEXT NOT NULL, -- JSON: the members of CapacityProvider that were asked for, with AWS's defaults
    tags TEXT NOT NULL, -- JSON object
    last_modified TEXT NOT NULL, -- as LastModified shows it
    PRIMARY KEY (account, region, name)
);
