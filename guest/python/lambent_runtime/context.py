"""The context object: the second argument of every handler."""

import logging
import sys
import time

from .errors import Fault

W3C_FIELDS = ("traceparent", "tracestate", "baggage")
_now = time.time  # kept from tests that replace the clock under a running handler


def _show(thing, names):
    """AWS's way of showing these objects."""
    inside = ",".join("{}={}".format(name, getattr(thing, name)) for name in names)
    return "{}([{}])".format(type(thing).__name__, inside)


class _Named(object):
    """An object whose attributes are some members of a JSON object; None where there is no such member."""

    __slots__ = ()

    def __init__(self, members):
        for name in self.__slots__:
            setattr(self, name, members.get(name))

    def __repr__(self):
        return _show(self, self.__slots__)


class CognitoIdentity(_Named):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, members):
        self.cognito_identity_id = members.get("cognitoIdentityId") if members else None
        self.cognito_identity_pool_id = members.get("cognitoIdentityPoolId") if members else None


class Client(_Named):
    __slots__ = (  # noqa: RUF023 - the order in which AWS shows them
        "installation_id",
        "app_title",
        "app_version_name",
        "app_version_code",
        "app_package_name",
    )


class ClientContext(_Named):
    __slots__ = ("custom", "env", "client")  # noqa: RUF023 - the order in which AWS shows them

    def __init__(self, members):
        super().__init__(members)
        self.client = None if self.client is None else Client(self.client)


def shared_members(environ):
    """The attributes that all contexts of one environment have in common, from its variables."""
    return {
        "log_group_name": environ.get("AWS_LAMBDA_LOG_GROUP_NAME"),
        "log_stream_name": environ.get("AWS_LAMBDA_LOG_STREAM_NAME"),
        "function_name": environ.get("AWS_LAMBDA_FUNCTION_NAME"),
        "memory_limit_in_mb": environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
        "function_version": environ.get("AWS_LAMBDA_FUNCTION_VERSION"),
    }


class LambdaContext(object):
    def __init__(self, shared, meta, client_context):
        get = meta.get
        self.__dict__ = dict(
            shared,
            aws_request_id=meta["id"],
            invoked_function_arn=get("arn"),
            tenant_id=get("tenant"),
            client_context=None if client_context is None else ClientContext(client_context),
            identity=CognitoIdentity(get("identity")),
            _w3c_fields=_take_w3c(client_context),
            _epoch_deadline_time_in_ms=get("deadline", 0),
        )

    def get_remaining_time_in_millis(self):
        return max(0, self._epoch_deadline_time_in_ms - int(_now() * 1000))

    def w3c(self):
        """The W3C trace context that came with the invocation, as text by field name."""
        return dict(self._w3c_fields)

    def log(self, message):
        for handler in logging.getLogger().handlers:
            if hasattr(handler, "log_sink"):
                handler.log_sink.log(str(message))
                return
        sys.stdout.write(str(message))

    def __repr__(self):
        return _show(
            self,
            (
                "aws_request_id log_group_name log_stream_name function_name memory_limit_in_mb function_version "
                "invoked_function_arn client_context identity tenant_id"
            ).split(),
        )


def _take_w3c(client_context):
    """Take `w3c` out of the client context: handlers see it through context.w3c() alone."""
    if not client_context or not isinstance(client_context, dict):
        return {}
    found = client_context.pop("w3c", None)
    if not isinstance(found, dict):
        return {}
    return {name: found[name] for name in W3C_FIELDS if isinstance(found.get(name), str)}


def make(shared, meta, decode):
    """The context of one invocation from the meta of its frame; raises Fault for a client context that is no JSON."""
    text = meta.get("context")
    client_context = None
    if text:
        try:
            client_context = decode(text.encode("utf-8"))
        except Exception as error:
            message = "Unable to parse Client Context JSON: {}".format(error)
            raise Fault("Runtime.LambdaContextUnmarshalError", message) from None
    return LambdaContext(shared, meta, client_context)
