"""What does not survive the round trip with botocore, by (service, protocol): operation and reason.

The oracle test fails for an operation that is missing here, and as well for one that is here and passes.
"""

Table = dict[tuple[str, str], dict[str, str]]

_TWIN = "same method, path and query as its successor, which we take it for; SDKs mark it deprecated"

REQUESTS: Table = {
    ("s3", "rest-xml"): {
        "GetBucketLifecycle": _TWIN,
        "PutBucketLifecycle": _TWIN,
        "GetBucketNotification": _TWIN,
        "PutBucketNotification": _TWIN,
        "PutBucketAnalyticsConfiguration": "the sample is not as deep as what is required in it, which is refused",
        "ListDirectoryBuckets": "GET / like ListBuckets; on AWS another host (s3express-control) tells them apart",
    },
}
RESULTS: Table = {
    ("s3", "rest-xml"): {
        "GetBucketLocation": "the region is the root element itself; botocore reads it in a handler, not in its parser",
        "GetBucketNotification": "deprecated; Event and the items of Events have one name, so botocore mixes them",
    },
}
ERRORS: Table = {}
