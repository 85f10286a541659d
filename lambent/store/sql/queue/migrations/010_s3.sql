-- Amazon S3: buckets and what is known of their objects. Large contents are files; small ones are in the rows, so that
-- one commit has all of them. Only types and clauses that SQLite and PostgreSQL share.

CREATE TABLE s3_buckets (
    name TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL, -- epoch seconds
    settings TEXT NOT NULL -- JSON: versioning, policy, notifications and what else was put
);

-- Versions of objects, and delete markers. The highest id of a key is its current version.
CREATE TABLE s3_objects (
    id INTEGER PRIMARY KEY, -- in order of acceptance, over all buckets
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    version TEXT NOT NULL, -- 'null' in buckets without versioning
    latest BIGINT NOT NULL, -- 1: the current version
    marker BIGINT NOT NULL, -- 1: a delete marker
    size BIGINT NOT NULL, -- bytes
    etag TEXT NOT NULL, -- without quotes
    modified DOUBLE PRECISION NOT NULL, -- epoch seconds
    about BLOB NOT NULL, -- JSON: headers, metadata, tags, checksums, parts, files
    content BLOB -- of a small object
);

CREATE UNIQUE INDEX s3_objects_by_version ON s3_objects (bucket, key, version);
CREATE UNIQUE INDEX s3_objects_by_age ON s3_objects (bucket, key, id);
CREATE INDEX s3_objects_latest ON s3_objects (bucket, key) WHERE latest = 1 AND marker = 0;

CREATE TABLE s3_uploads (
    id TEXT NOT NULL PRIMARY KEY,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    begun DOUBLE PRECISION NOT NULL, -- epoch seconds
    about BLOB NOT NULL -- JSON: headers, metadata, tags, who began it
);

CREATE INDEX s3_uploads_by_key ON s3_uploads (bucket, key, id);

CREATE TABLE s3_parts (
    upload TEXT NOT NULL,
    number BIGINT NOT NULL, -- 1 to 10000
    size BIGINT NOT NULL,
    etag TEXT NOT NULL,
    modified DOUBLE PRECISION NOT NULL,
    about BLOB NOT NULL, -- JSON: checksums
    file TEXT NOT NULL,
    PRIMARY KEY (upload, number)
);

-- Every file that a row needs. What is in the directory and not here is left of something that never came to its end.
CREATE TABLE s3_files (
    name TEXT NOT NULL PRIMARY KEY
);
