"""The handler of a zygote's trial run, which does what most do."""

import json
import os


def handler(event, context):
    return {"event": json.loads(json.dumps(event)), "name": os.environ.get("AWS_TRIAL_0"), "id": context.aws_request_id}
