-- name: access_keys_all -- every access key there is, for start-up
SELECT access_key, account, user_name, secret, created_at FROM access_keys ORDER BY account, user_name, created_at;

-- name: access_key_add -- store a new access key; nothing if there is one with that id
INSERT INTO access_keys (access_key, account, user_name, secret, created_at)
VALUES (:access_key, :account, :user_name, :secret, :created_at)
ON CONFLICT (access_key) DO NOTHING;

-- name: access_key_remove -- forget an access key
DELETE FROM access_keys WHERE access_key = :access_key;
