-- Resource policies of functions, versions and aliases. Only types and clauses that SQLite and PostgreSQL share.

CREATE TABLE function_policies (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL, -- of the function
    qualifier TEXT NOT NULL, -- empty: the function itself; else the number of a version, or an alias
    number BIGINT, -- that of a version, with which this goes; null for the others
    alias TEXT, -- that alias, with which this goes; null for the others
    document TEXT NOT NULL, -- the policy as AWS shows it: JSON
    denies BIGINT NOT NULL, -- 0 | 1: a statement of it says Deny, so the function's own account has to be asked about too
    PRIMARY KEY (account, region, name, qualifier),
    FOREIGN KEY (account, region, name) REFERENCES functions (account, region, name) ON DELETE CASCADE,
    FOREIGN KEY (account, region, name, number)
        REFERENCES function_versions (account, region, name, number) ON DELETE CASCADE,
    FOREIGN KEY (account, region, name, alias)
        REFERENCES function_aliases (account, region, name, alias) ON DELETE CASCADE
);

ALTER TABLE layer_grants ADD COLUMN organization TEXT NOT NULL DEFAULT ''; -- with principal *: whose accounts are meant
