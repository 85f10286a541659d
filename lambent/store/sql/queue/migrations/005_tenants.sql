-- The tenant that an asynchronous invocation is for. Only types and clauses that SQLite and PostgreSQL share.

ALTER TABLE events ADD COLUMN tenant TEXT NOT NULL DEFAULT ''; -- '' of functions without tenants

ALTER TABLE kept ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
