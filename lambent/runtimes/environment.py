"""The environment variables that a function finds, as AWS sets them.

Source: the introspection recordings of test_lambda_common (AWS, January 2026), for every runtime there is.
"""

from collections.abc import Mapping

import msgspec

from lambent.model import Version
from lambent.runtimes.table import TABLE

RUNTIME_API = "127.0.0.1:9001"
XRAY_HOST, XRAY_PORT = "127.0.0.1", "2000"

_IMAGE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # of images that set none, as everywhere

# Names that a user may not set. Source: "Defined runtime environment variables", AWS Lambda Developer Guide.
RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
        "AWS_LAMBDA_MAX_CONCURRENCY",
    }
)


class Credentials(msgspec.Struct, frozen=True):
    """Keys that a function's AWS clients sign with."""

    access_key_id: str
    secret_access_key: str
    session_token: str


def environment(
    version: Version, log_stream: str, credentials: Credentials, *, initialization_type: str = "on-demand"
) -> dict[str, str]:
    """The complete environment of `version`; only _X_AMZN_TRACE_ID is missing, which changes with each invocation.

    The user's variables come last, hence win: AWS allows PATH, LANG, TZ and their like to be set, and the API refuses
    the names in RESERVED.
    """
    row = TABLE.get(version.runtime)
    kind = row.kind if row else "provided"
    return (
        _common(version, log_stream, initialization_type)
        | _keys(credentials)
        | _paths(version.runtime)
        | _of_kind(kind, version.runtime)
        | _logging(version)
        | version.environment
    )


# What extensions do not get. Source: "Environment variables" of the Extensions API page, AWS Lambda Developer Guide.
_NOT_FOR_EXTENSIONS = frozenset(
    {
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "PWD",
        "SHLVL",
    }
)


def extension_environment(environ: dict[str, str]) -> dict[str, str]:
    """What of a function's environment its extensions get: nothing that is about the runtime."""
    return {
        name: value for name, value in environ.items() if name not in _NOT_FOR_EXTENSIONS and not name.startswith("_")
    }


def image_environment(
    version: Version, log_stream: str, credentials: Credentials, own: Mapping[str, str], *,
    initialization_type: str = "on-demand",
) -> dict[str, str]:  # fmt: skip
    """The complete environment of a container image, which brings `own` variables: its paths and language are its own.

    Source: "Defined runtime environment variables", AWS Lambda Developer Guide (AWS_EXECUTION_ENV is not for images).
    """
    common = _common(version, log_stream, initialization_type)
    del common["_HANDLER"]
    defaults = {name: common.pop(name) for name in ("LANG", "TZ")} | {"PATH": _IMAGE_PATH}
    return defaults | dict(own) | common | _keys(credentials) | _logging(version) | version.environment


def _common(version: Version, log_stream: str, initialization_type: str) -> dict[str, str]:
    return {
        "AWS_DEFAULT_REGION": version.region,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": initialization_type,
        "AWS_LAMBDA_LOG_GROUP_NAME": version.log_group or f"/aws/lambda/{version.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": RUNTIME_API,
        "AWS_REGION": version.region,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": f"{XRAY_HOST}:{XRAY_PORT}",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "_AWS_XRAY_DAEMON_ADDRESS": XRAY_HOST,
        "_AWS_XRAY_DAEMON_PORT": XRAY_PORT,
        "_HANDLER": version.handler,
    }


def _keys(credentials: Credentials) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
    }


def _paths(runtime: str) -> dict[str, str]:
    """PATH and the library path; provided.al2 is the one image without /var/lang."""
    programs, libraries = "/usr/local/bin:/usr/bin/:/bin:/opt/bin", "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib"
    libraries += ":/var/task:/var/task/lib:/opt/lib"
    if runtime in ("provided.al2", "provided"):
        return {"PATH": programs, "LD_LIBRARY_PATH": libraries}
    return {"PATH": f"/var/lang/bin:{programs}", "LD_LIBRARY_PATH": f"/var/lang/lib:{libraries}"}


def _of_kind(kind: str, runtime: str) -> dict[str, str]:
    """What the managed runtimes add; PWD and SHLVL are left there by the shell script that starts them on AWS."""
    if kind == "provided":
        return {}
    managed = {"AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}", "PWD": "/var/task", "SHLVL": "0"}
    if kind == "python":
        return managed | {"PYTHONPATH": "/var/runtime"} | _locale(runtime)
    if kind == "node":
        return managed | {"NODE_PATH": _node_path(runtime)} | _certificates(runtime)
    if kind == "ruby":
        return managed | _ruby_paths(runtime)
    return managed


def _ruby_paths(runtime: str) -> dict[str, str]:
    """Source: "Search paths by Lambda runtime", AWS Lambda Developer Guide."""
    version = f"{runtime.removeprefix('ruby')}.0"
    gems = f"/var/task/vendor/bundle/ruby/{version}:/opt/ruby/gems/{version}"
    return {"GEM_PATH": gems, "RUBYLIB": "/var/task:/var/runtime/lib:/opt/ruby/lib"}


def _locale(runtime: str) -> dict[str, str]:
    """Images without en_US make Python coerce the locale (PEP 538), which shows from 3.12 (Amazon Linux 2023) on."""
    minor = int(runtime.rpartition(".")[2])
    return {"LC_CTYPE": "C.UTF-8"} if minor >= 12 else {}


def _node_path(runtime: str) -> str:
    major = runtime.removeprefix("nodejs").partition(".")[0]
    return (
        f"/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:"
        "/var/runtime:/var/task"
    )


def _certificates(runtime: str) -> dict[str, str]:
    older = runtime in ("nodejs16.x", "nodejs18.x")
    return {"NODE_EXTRA_CA_CERTS": "/var/runtime/ca-cert.pem"} if older else {}


def _logging(version: Version) -> dict[str, str]:
    """Set only for JSON logs; the runtime clients read them. Source: awslambdaric 4.2.2."""
    if version.log_format != "JSON":
        return {}
    return {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": version.application_log_level or "INFO"}
