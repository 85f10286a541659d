-- name: s3_buckets_all -- every bucket
SELECT * FROM s3_buckets ORDER BY name;

-- name: s3_bucket_put -- a new bucket, or its settings
INSERT INTO s3_buckets (name, account, region, created, settings)
VALUES (:name, :account, :region, :created, :settings)
ON CONFLICT (name) DO UPDATE SET settings = excluded.settings;

-- name: s3_bucket_drop -- it is gone
DELETE FROM s3_buckets WHERE name = :name;

-- name: s3_last_id -- the highest number given out
SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) AS id FROM s3_objects;

-- name: s3_object_add -- a version of an object, or a delete marker
INSERT INTO s3_objects (id, bucket, key, version, latest, marker, size, etag, modified, about, content)
VALUES (:id, :bucket, :key, :version, 1, :marker, :size, :etag, :modified, :about, :content);

-- name: s3_object_overtaken -- there is about to be a newer version
UPDATE s3_objects SET latest = 0 WHERE bucket = :bucket AND key = :key AND latest = 1;

-- name: s3_object_drop -- one version is gone
DELETE FROM s3_objects WHERE bucket = :bucket AND key = :key AND version = :version;

-- name: s3_object_promote -- the newest that is left is the current one
UPDATE s3_objects SET latest = 1
WHERE id = (SELECT MAX(id) FROM s3_objects WHERE bucket = :bucket AND key = :key);

-- name: s3_object_about -- its tags, its ACL
UPDATE s3_objects SET about = :about WHERE id = :id;

-- name: s3_object_current -- the current version of a key, which may be a delete marker
SELECT id, bucket, key, version, latest, marker, size, etag, modified, about FROM s3_objects
WHERE bucket = :bucket AND key = :key ORDER BY id DESC LIMIT 1;

-- name: s3_object_version -- one version of a key
SELECT id, bucket, key, version, latest, marker, size, etag, modified, about FROM s3_objects
WHERE bucket = :bucket AND key = :key AND version = :version;

-- name: s3_object_content -- what a small object holds
SELECT content FROM s3_objects WHERE id = :id;

-- name: s3_objects_from -- current objects from a key on
SELECT id, key, size, etag, modified, about FROM s3_objects
WHERE bucket = :bucket AND key >= :begin AND latest = 1 AND marker = 0 ORDER BY key LIMIT :limit;

-- name: s3_versions_from -- versions and markers from a key on, the newest first; of that key only those older
SELECT id, key, version, latest, marker, size, etag, modified, about FROM s3_objects
WHERE bucket = :bucket AND key >= :begin AND (key > :begin OR id < :below) ORDER BY key, id DESC LIMIT :limit;

-- name: s3_bucket_used -- anything that keeps a bucket from being deleted
SELECT id FROM s3_objects WHERE bucket = :bucket LIMIT 1;

-- name: s3_upload_add -- a multipart upload begins
INSERT INTO s3_uploads (id, bucket, key, begun, about) VALUES (:id, :bucket, :key, :begun, :about);

-- name: s3_upload_get -- one of them
SELECT * FROM s3_uploads WHERE id = :id;

-- name: s3_uploads_from -- those of a bucket, from a key on
SELECT * FROM s3_uploads WHERE bucket = :bucket AND (key > :key OR (key = :key AND id > :id))
ORDER BY key, id LIMIT :limit;

-- name: s3_upload_drop -- it is completed or aborted
DELETE FROM s3_uploads WHERE id = :id;

-- name: s3_part_put -- a part, instead of the one with that number
INSERT INTO s3_parts (upload, number, size, etag, modified, about, file)
VALUES (:upload, :number, :size, :etag, :modified, :about, :file)
ON CONFLICT (upload, number) DO UPDATE SET
    size = excluded.size, etag = excluded.etag, modified = excluded.modified, about = excluded.about,
    file = excluded.file;

-- name: s3_parts_after -- parts of an upload, by number
SELECT * FROM s3_parts WHERE upload = :upload AND number > :after ORDER BY number LIMIT :limit;

-- name: s3_parts_drop -- all of an upload
DELETE FROM s3_parts WHERE upload = :upload;

-- name: s3_file_add -- a file that a row needs from now on
INSERT INTO s3_files (name) VALUES (:name);

-- name: s3_file_drop -- nobody needs it any more
DELETE FROM s3_files WHERE name = :name;

-- name: s3_file_known -- whether a row needs it
SELECT name FROM s3_files WHERE name = :name;
