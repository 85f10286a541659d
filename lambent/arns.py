"""Names and ARNs of functions and layers, in every form in which AWS takes them."""

import hashlib
import re

import msgspec

from lambent.errors import InvalidParameterValue, ResourceNotFound

_FUNCTION = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?"
    r"(?:(?P<region>(?:eusc-)?[a-z]{2}(?:(?:-gov)|(?:-iso(?:[a-z]?)))?-[a-z]+-\d):)?"
    r"(?:(?P<account>\d{12}):)?"
    r"(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_.-]+)"
    r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9_-]+))?"
)
_LAYER = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):layer:)?"
    r"(?P<name>[a-zA-Z0-9-_]+)(?::(?P<version>\d{1,18}))?"
)

KMS_KEY = re.compile(r"arn:aws[a-zA-Z-]{0,20}:kms:(?P<region>[a-z0-9-]{1,40}):\d{12}:key/[A-Za-z0-9-]{1,128}")


class FunctionRef(msgspec.Struct, frozen=True):
    """A function as a caller named it: whose, where, which, and with what qualifier (None: none was given)."""

    account: str
    region: str
    name: str
    qualifier: str | None

    @property
    def arn(self) -> str:
        """The ARN, qualified only if the caller gave a qualifier."""
        bare = function_arn(self.account, self.region, self.name)
        return f"{bare}:{self.qualifier}" if self.qualifier else bare


class LayerRef(msgspec.Struct, frozen=True):
    """A layer as a caller named it: whose, where, which, and which version (None: none was given)."""

    account: str
    region: str
    name: str
    version: int | None = None

    @property
    def arn(self) -> str:
        bare = f"arn:aws:lambda:{self.region}:{self.account}:layer:{self.name}"
        return bare if self.version is None else f"{bare}:{self.version}"


def function_arn(account: str, region: str, name: str) -> str:
    return f"arn:aws:lambda:{region}:{account}:function:{name}"


def parse_function(text: str, qualifier: str | None, *, account: str, region: str) -> FunctionRef:
    """The function that `text` names: a name, name:qualifier, partial ARN or ARN; the caller's account and region
    fill what it leaves out. `qualifier` is the request's own Qualifier.

    Raises InvalidParameterValue when the two qualifiers differ, ResourceNotFound for another region.
    """
    match = _FUNCTION.fullmatch(text)
    if match is None:
        raise InvalidParameterValue(f"Invalid function name or ARN: {text}")
    named = match["qualifier"]
    if named and qualifier and named != qualifier:
        raise InvalidParameterValue(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    wanted = match["region"]
    if wanted and wanted != region:
        raise ResourceNotFound(f"Functions from '{wanted}' are not reachable in this region ('{region}')")
    return FunctionRef(match["account"] or account, region, match["name"], named or qualifier or None)


def parse_layer(text: str, *, account: str, region: str) -> LayerRef | None:
    """The layer, or layer version, that a name or an ARN means; None for what is neither, AWS's own layers included."""
    match = _LAYER.fullmatch(text)
    if match is None:
        return None
    version = int(match["version"]) if match["version"] else None
    return LayerRef(match["account"] or account, match["region"] or region, match["name"], version)


def runtime_version_arn(runtime: str, region: str) -> str:
    """The ARN of the one build of `runtime` that Lambent has; AWS's ends in a SHA-256 too."""
    return f"arn:aws:lambda:{region}::runtime:{hashlib.sha256(runtime.encode()).hexdigest()}"
