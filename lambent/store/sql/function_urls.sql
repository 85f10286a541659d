-- name: function_url_add -- a new function URL; changes no row if the qualifier has one
INSERT INTO function_urls (
    account, region, name, qualifier, alias, url_id, auth_type, invoke_mode, cors, created, modified
) VALUES (
    :account, :region, :name, :qualifier, :alias, :url_id, :auth_type, :invoke_mode, :cors, :created, :modified
)
ON CONFLICT (account, region, name, qualifier) DO NOTHING;

-- name: function_url_get -- the function URL of one qualifier
SELECT account, region, name, qualifier, url_id, auth_type, invoke_mode, cors, created, modified
FROM function_urls
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: function_url_by_id -- the function URL that a host name means
SELECT account, region, name, qualifier, url_id, auth_type, invoke_mode, cors, created, modified
FROM function_urls WHERE url_id = :url_id;

-- name: function_url_update -- what may change of a function URL
UPDATE function_urls SET
    auth_type = :auth_type, invoke_mode = :invoke_mode, cors = :cors, modified = :modified
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: function_url_remove -- the function URL of one qualifier
DELETE FROM function_urls
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: function_urls_of -- the function URLs of a function, for the qualifiers after one
SELECT account, region, name, qualifier, url_id, auth_type, invoke_mode, cors, created, modified
FROM function_urls
WHERE account = :account AND region = :region AND name = :name AND qualifier > :after_qualifier
ORDER BY qualifier LIMIT :limit;
