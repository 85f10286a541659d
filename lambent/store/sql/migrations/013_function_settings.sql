-- When the runtime of a version may be replaced. Only types and clauses that SQLite and PostgreSQL share.

CREATE TABLE runtime_management_configs (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    number BIGINT NOT NULL, -- of the version; 0 is $LATEST
    update_on TEXT NOT NULL, -- FunctionUpdate | Manual; what is Auto, which is the default, has no row
    runtime_version_arn TEXT NOT NULL, -- of Manual; empty: none
    PRIMARY KEY (account, region, name, number),
    FOREIGN KEY (account, region, name, number)
        REFERENCES function_versions (account, region, name, number) ON DELETE CASCADE
);
