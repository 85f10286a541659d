-- name: function_add -- a new function; changes no row if the name is taken
INSERT INTO functions (account, region, name, created_at)
VALUES (:account, :region, :name, :created_at)
ON CONFLICT (account, region, name) DO NOTHING;

-- name: function_get -- one function with the number that was given out last
SELECT f.account, f.region, f.name, f.created_at, c.last_version
FROM functions f
JOIN version_counters c ON c.account = f.account AND c.region = f.region AND c.name = f.name
WHERE f.account = :account AND f.region = :region AND f.name = :name;

-- name: function_delete -- a function with its versions and tags, but not its counter
DELETE FROM functions WHERE account = :account AND region = :region AND name = :name;

-- name: function_totals -- how many functions there are, and the bytes of code of all their versions
SELECT
    (SELECT COUNT(*) FROM functions WHERE account = :account AND region = :region) AS function_count,
    (SELECT CAST(COALESCE(SUM(code_size), 0) AS BIGINT) FROM function_versions
     WHERE account = :account AND region = :region) AS code_bytes;

-- name: counter_add -- begin to count the versions of a name, or go on where it was left
INSERT INTO version_counters (account, region, name, last_version)
VALUES (:account, :region, :name, 0)
ON CONFLICT (account, region, name) DO NOTHING;

-- name: counter_next -- give out the next version number; read it in the same transaction
UPDATE version_counters SET last_version = last_version + 1
WHERE account = :account AND region = :region AND name = :name;

-- name: tags_get -- the tags of a function
SELECT tag_key, tag_value FROM function_tags
WHERE account = :account AND region = :region AND name = :name
ORDER BY tag_key;

-- name: tag_put -- set one tag
INSERT INTO function_tags (account, region, name, tag_key, tag_value)
VALUES (:account, :region, :name, :tag_key, :tag_value)
ON CONFLICT (account, region, name, tag_key) DO UPDATE SET tag_value = excluded.tag_value;

-- name: tag_remove -- remove one tag
DELETE FROM function_tags
WHERE account = :account AND region = :region AND name = :name AND tag_key = :tag_key;
