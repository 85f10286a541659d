"""S3's refusals, in AWS's words (Amazon S3 API Reference, "Error responses"; recordings of AWS)."""

from lambent.errors import AwsError


def no_bucket(name: str) -> AwsError:
    return AwsError("The specified bucket does not exist", code="NoSuchBucket", status=404, BucketName=name)


def no_key(key: str) -> AwsError:
    return AwsError("The specified key does not exist.", code="NoSuchKey", status=404, Key=key)


def no_version(key: str, version: str) -> AwsError:
    message = "The specified version does not exist."
    return AwsError(message, code="NoSuchVersion", status=404, Key=key, VersionId=version)


def no_upload(upload: str) -> AwsError:
    message = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed."
    )
    return AwsError(message, code="NoSuchUpload", status=404, UploadId=upload)


def invalid_argument(message: str, name: str, value: object) -> AwsError:
    return AwsError(message, code="InvalidArgument", status=400, ArgumentName=name, ArgumentValue=str(value))


def invalid_request(message: str) -> AwsError:
    return AwsError(message, code="InvalidRequest", status=400)


def malformed_xml() -> AwsError:
    message = "The XML you provided was not well-formed or did not validate against our published schema"
    return AwsError(message, code="MalformedXML", status=400)


def missing_length() -> AwsError:
    return AwsError("You must provide the Content-Length HTTP header.", code="MissingContentLength", status=411)


def precondition_failed(condition: str) -> AwsError:
    message = "At least one of the pre-conditions you specified did not hold"
    return AwsError(message, code="PreconditionFailed", status=412, Condition=condition)


def not_modified() -> AwsError:
    return AwsError("Not Modified", code="NotModified", status=304)


def bad_digest(algorithm: str = "Content-MD5") -> AwsError:
    message = f"The {algorithm} you specified did not match the calculated checksum."
    return AwsError(message, code="BadDigest", status=400)


def marker_in_the_way(method: str = "") -> AwsError:
    message = "The specified method is not allowed against this resource."
    return AwsError(message, code="MethodNotAllowed", status=405, Method=method, ResourceType="DeleteMarker")


def denied(message: str = "Access Denied") -> AwsError:
    return AwsError(message, code="AccessDenied", status=403)


def missing_configuration(code: str, message: str, bucket: str) -> AwsError:
    return AwsError(message, code=code, status=404, BucketName=bucket)


def not_empty(bucket: str) -> AwsError:
    return AwsError("The bucket you tried to delete is not empty", code="BucketNotEmpty", status=409, BucketName=bucket)
