-- name: letter_add -- something to be delivered
INSERT INTO letters (
    id, request_id, account, region, name, qualifier, kind, success, target, body, attributes, ended, created, due,
    tries
) VALUES (
    (SELECT COALESCE(MAX(id), 0) + 1 FROM letters), :request_id, :account, :region, :name, :qualifier, :kind, :success,
    :target, :body, :attributes, :ended, :created, :due, :tries
);

-- name: letters_next_target -- the next target in alphabetical order that has letters, and when its first is due
SELECT target, due FROM letters WHERE target > :after ORDER BY target, due, id LIMIT 1;

-- name: letters_due -- a target's letters that are due, in their order, with their sizes
SELECT id, LENGTH(body) AS size FROM letters WHERE target = :target AND due <= :now ORDER BY due, id LIMIT :limit;

-- name: letters_next_due -- when the first letter of a target is due
SELECT due FROM letters WHERE target = :target ORDER BY due, id LIMIT 1;

-- name: letter_get -- one letter
SELECT * FROM letters WHERE id = :id;

-- name: letters_list -- letters of one function, or of all (''), without their bodies
SELECT id, request_id, account, region, name, qualifier, kind, success, target, created, due, tries,
    LENGTH(body) AS size
FROM letters
WHERE id > :after AND id <= :last AND account = :account AND region = :region AND (:name = '' OR name = :name)
    AND created >= :since
ORDER BY id LIMIT :limit;

-- name: letters_of_request -- the letters of one event
SELECT * FROM letters WHERE request_id = :request_id ORDER BY id;

-- name: letter_again -- it could not be delivered, and is to be tried again
UPDATE letters SET due = :due, tries = :tries WHERE id = :id;

-- name: letter_end -- it is delivered, or given up
DELETE FROM letters WHERE id = :id;

-- name: letters_count -- how many letters wait
SELECT CAST(COUNT(*) AS BIGINT) AS letters FROM letters;
