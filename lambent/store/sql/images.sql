-- name: image_put -- give an image a name, taking it from whichever had it
INSERT INTO images (name, digest, added_at) VALUES (:name, :digest, :added_at)
ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, added_at = excluded.added_at;

-- name: image_get -- the image of a name
SELECT * FROM images WHERE name = :name;

-- name: images_all -- every name
SELECT * FROM images ORDER BY name;

-- name: image_remove -- forget a name
DELETE FROM images WHERE name = :name;
