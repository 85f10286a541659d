-- Function URLs: an address of a function, or of one of its aliases. Only types and clauses that SQLite and PostgreSQL
-- share.

CREATE TABLE function_urls (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL, -- of the function
    qualifier TEXT NOT NULL, -- an alias; empty: the function itself, which is $LATEST
    alias TEXT, -- that alias, with which this goes; null for the function's own
    url_id TEXT NOT NULL UNIQUE, -- the first label of its host
    auth_type TEXT NOT NULL, -- NONE | AWS_IAM
    invoke_mode TEXT NOT NULL, -- BUFFERED | RESPONSE_STREAM; empty: never said, so that BUFFERED applies
    cors TEXT NOT NULL, -- JSON in AWS's names; {}: none
    created DOUBLE PRECISION NOT NULL, -- epoch seconds
    modified DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account, region, name, qualifier),
    FOREIGN KEY (account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE,
    FOREIGN KEY (account, region, name, alias)
        REFERENCES function_aliases (account, region, name, alias) ON DELETE CASCADE
);
