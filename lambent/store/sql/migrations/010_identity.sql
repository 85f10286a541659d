-- Access keys (decision 0026). Only types and clauses that SQLite and PostgreSQL share (decision 0003).

CREATE TABLE access_keys (
    access_key TEXT NOT NULL PRIMARY KEY, -- its id
    account TEXT NOT NULL,
    user_name TEXT NOT NULL, -- '': the root of the account
    secret TEXT NOT NULL, -- sealed, base64
    created_at DOUBLE PRECISION NOT NULL -- epoch seconds
);
