-- What invocations with an Idempotency-Key came to: kept until the key expires.

CREATE TABLE answers (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL, -- of the function
    qualifier TEXT NOT NULL, -- as the caller gave it; '' for none and for $LATEST
    idempotency_key TEXT NOT NULL,
    born DOUBLE PRECISION NOT NULL, -- epoch seconds: when the function was created; another one may get its name
    digest TEXT NOT NULL, -- of the request
    request_id TEXT NOT NULL, -- of the call that ran, or that was accepted
    trace TEXT NOT NULL,
    running BIGINT NOT NULL, -- 1: there is no answer yet; found so at a start, it may have run in part
    runs BIGINT NOT NULL, -- that were begun; more than one after a crash
    expires DOUBLE PRECISION NOT NULL, -- epoch seconds
    size BIGINT NOT NULL, -- bytes that the row counts for
    executed_version TEXT NOT NULL,
    function_error TEXT NOT NULL, -- '' if there was none
    payload BLOB NOT NULL,
    log_tail BLOB NOT NULL,
    UNIQUE (account, region, name, qualifier, idempotency_key)
);

CREATE INDEX answers_by_expiry ON answers (expires, id);
