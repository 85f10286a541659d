-- Aliases: names that stand for a version of a function, or for two of them by weight.

CREATE TABLE function_aliases (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL, -- of the function
    alias TEXT NOT NULL,
    version TEXT NOT NULL, -- "$LATEST" or "1", "2", …
    additional TEXT NOT NULL, -- JSON: another version and the share of the invocations that it gets, or {}
    description TEXT NOT NULL,
    revision TEXT NOT NULL,
    PRIMARY KEY (account, region, name, alias),
    FOREIGN KEY (account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE
);
