"""What no model says: who answers to which name in a signature, and where services differ from their own models."""

import msgspec


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """How one service is recognised, and its habits."""

    service: str  # botocore's name
    scope: str  # the name in a signature's scope
    target: str = ""  # prefix of X-Amz-Target, and of the path in rpc-v2-cbor
    version: str = ""  # the Version parameter of the query protocol
    namespace: str = ""  # XML namespace where the model has none
    more_protocols: tuple[str, ...] = ()  # spoken by AWS though the model no longer lists them
    validation: str = "ValidationException"  # code of a broken constraint; "" leaves constraints to the handlers
    input_prefix: bool = False  # the body's members are named "createRestApiInput.name" in sentences
    type_prefix: str = ""  # before the shape's name in __type
    query_codes: dict[str, str] = {}  # codes of the query protocol that the model no longer has, by shape name
    blob_type: str = "application/octet-stream"  # Content-Type of a blob answer for which the model binds none


_SQS = "AWS.SimpleQueueService."
# From the model of 2012 in its query form (botocore before 1.29.127); what is not here kept its name.
_SQS_CODES = {
    "BatchEntryIdsNotDistinct": f"{_SQS}BatchEntryIdsNotDistinct",
    "BatchRequestTooLong": f"{_SQS}BatchRequestTooLong",
    "EmptyBatchRequest": f"{_SQS}EmptyBatchRequest",
    "InvalidBatchEntryId": f"{_SQS}InvalidBatchEntryId",
    "MessageNotInflight": f"{_SQS}MessageNotInflight",
    "InvalidParameterValueException": "InvalidParameterValue",
    "MissingRequiredParameterException": "MissingParameter",
    "PurgeQueueInProgress": f"{_SQS}PurgeQueueInProgress",
    "QueueDeletedRecently": f"{_SQS}QueueDeletedRecently",
    "QueueDoesNotExist": f"{_SQS}NonExistentQueue",
    "QueueNameExists": "QueueAlreadyExists",
    "TooManyEntriesInBatchRequest": f"{_SQS}TooManyEntriesInBatchRequest",
    "UnsupportedOperation": f"{_SQS}UnsupportedOperation",
}

PROFILES: tuple[Profile, ...] = (
    Profile(service="lambda", scope="lambda", blob_type="application/json"),
    Profile(
        service="sqs",
        scope="sqs",
        target="AmazonSQS",
        version="2012-11-05",
        namespace="http://queue.amazonaws.com/doc/2012-11-05/",
        more_protocols=("query",),
        validation="",
        type_prefix="com.amazonaws.sqs#",
        query_codes=_SQS_CODES,
    ),
    Profile(service="sns", scope="sns", version="2010-03-31", validation="ValidationError"),
    Profile(service="s3", scope="s3", namespace="http://s3.amazonaws.com/doc/2006-03-01/", validation=""),
    Profile(service="events", scope="events", target="AWSEvents"),
    Profile(service="scheduler", scope="scheduler"),
    Profile(service="kinesis", scope="kinesis", target="Kinesis_20131202"),
    Profile(
        service="dynamodb",
        scope="dynamodb",
        target="DynamoDB_20120810",
        type_prefix="com.amazonaws.dynamodb.v20120810#",
    ),
    Profile(
        service="dynamodbstreams",
        scope="dynamodb",
        target="DynamoDBStreams_20120810",
        type_prefix="com.amazonaws.dynamodb.v20120810#",
    ),
    Profile(service="logs", scope="logs", target="Logs_20140328", validation="InvalidParameterException"),
    Profile(
        service="cloudwatch",
        scope="monitoring",
        target="GraniteServiceVersion20100801",
        version="2010-08-01",
        validation="ValidationError",
        type_prefix="com.amazonaws.cloudwatch#",
    ),
    Profile(service="sts", scope="sts", version="2011-06-15", validation="ValidationError"),
    Profile(service="apigateway", scope="apigateway", input_prefix=True),
    Profile(service="apigatewayv2", scope="apigateway", validation="BadRequestException"),
    Profile(service="cloudformation", scope="cloudformation", version="2010-05-15", validation="ValidationError"),
    Profile(service="iam", scope="iam", version="2010-05-08", validation="ValidationError"),
    Profile(service="stepfunctions", scope="states", target="AWSStepFunctions"),
    Profile(service="ssm", scope="ssm", target="AmazonSSM"),
    Profile(service="application-autoscaling", scope="application-autoscaling", target="AnyScaleFrontendService"),
)

_BY_SERVICE = {profile.service: profile for profile in PROFILES}
# A scope shared by several services names the first; the target or the path tells the others.
BY_SCOPE = {profile.scope: profile.service for profile in reversed(PROFILES)}
# Scopes that one service has for itself: nothing else needs to be looked at.
BY_OWN_SCOPE = {scope: name for scope, name in BY_SCOPE.items() if [p.scope for p in PROFILES].count(scope) == 1}
BY_TARGET = {profile.target: profile.service for profile in PROFILES if profile.target}
BY_VERSION = {profile.version: profile.service for profile in PROFILES if profile.version}


def profile(service: str) -> Profile:
    """The habits of a service; the usual ones for a service that the table does not name."""
    return _BY_SERVICE.get(service) or Profile(service=service, scope=service)


# Namespaces of errors that come from AWS's common front end and not from a service's model.
CORAL_TYPES = {
    "ExpiredTokenException": "com.amazon.coral.service#",
    "IncompleteSignatureException": "com.amazon.coral.service#",
    "InvalidSignatureException": "com.amazon.coral.service#",
    "MissingAuthenticationTokenException": "com.amazon.coral.service#",
    "SerializationException": "com.amazon.coral.service#",
    "UnknownOperationException": "com.amazon.coral.service#",
    "UnrecognizedClientException": "com.amazon.coral.service#",
    "ValidationException": "com.amazon.coral.validate#",
}

# The outermost element of S3's answers; botocore's model leaves it out, and some SDKs look at it.
S3_ROOTS = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CreateSession": "CreateSessionResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListDirectoryBuckets": "ListAllMyDirectoryBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
}
