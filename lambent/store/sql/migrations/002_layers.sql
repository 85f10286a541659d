-- Layers and their versions, and the layers that a version of a function uses.

-- Outlives its versions: a number is never given again, not even when all versions were deleted.
CREATE TABLE layers (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    last_version BIGINT NOT NULL,
    PRIMARY KEY (account, region, name)
);

CREATE TABLE layer_versions (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    number BIGINT NOT NULL,
    details TEXT NOT NULL, -- JSON, members in AWS's names
    code_digest TEXT NOT NULL,
    code_size BIGINT NOT NULL, -- bytes of the zip
    PRIMARY KEY (account, region, name, number),
    FOREIGN KEY (account, region, name) REFERENCES layers (account, region, name) ON DELETE CASCADE
);

CREATE TABLE layer_grants (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    number BIGINT NOT NULL,
    statement_id TEXT NOT NULL,
    principal TEXT NOT NULL, -- an account, its root's ARN, or *
    PRIMARY KEY (account, region, name, number, statement_id),
    FOREIGN KEY (account, region, name, number)
        REFERENCES layer_versions (account, region, name, number) ON DELETE CASCADE
);

-- JSON: digests in order. A layer that was deleted goes on working where it is used, so its code is kept by these.
ALTER TABLE function_versions ADD COLUMN layer_digests TEXT NOT NULL DEFAULT '[]';
