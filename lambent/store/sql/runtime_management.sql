-- name: runtime_management_get -- when the runtime of a version may be replaced, if that was ever said
SELECT update_on, runtime_version_arn FROM runtime_management_configs
WHERE account = :account AND region = :region AND name = :name AND number = :number;

-- name: runtime_management_put -- say when the runtime of a version may be replaced
INSERT INTO runtime_management_configs (account, region, name, number, update_on, runtime_version_arn)
VALUES (:account, :region, :name, :number, :update_on, :runtime_version_arn)
ON CONFLICT (account, region, name, number) DO UPDATE SET
    update_on = excluded.update_on, runtime_version_arn = excluded.runtime_version_arn;
