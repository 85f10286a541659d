-- name: policy_get -- the policy of a function, a version or an alias
SELECT document FROM function_policies
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: policy_put -- give a function, a version or an alias a policy in place of whichever it had
INSERT INTO function_policies (account, region, name, qualifier, number, alias, document, denies)
VALUES (:account, :region, :name, :qualifier, :number, :alias, :document, :denies)
ON CONFLICT (account, region, name, qualifier) DO UPDATE SET document = excluded.document, denies = excluded.denies;

-- name: policy_remove -- take the policy of a function, a version or an alias away
DELETE FROM function_policies
WHERE account = :account AND region = :region AND name = :name AND qualifier = :qualifier;

-- name: policies_denying -- the functions that have a policy with a Deny, for start-up
SELECT DISTINCT account, region, name FROM function_policies WHERE denies = 1;

-- name: policies_denying_of -- whether a function has a policy with a Deny
SELECT 1 AS denying FROM function_policies
WHERE account = :account AND region = :region AND name = :name AND denies = 1 LIMIT 1;
