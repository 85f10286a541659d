"""Finding what a request names, in AWS's words when it is not there."""

from msgspec import structs

from lambent.arns import FunctionRef, LayerRef, function_arn, parse_function, parse_layer
from lambent.control import download
from lambent.control.control import Control
from lambent.errors import InvalidParameterValue, ResourceNotFound, ValidationException
from lambent.store.aliases import StoredAlias
from lambent.store.functions import LATEST, StoredVersion
from lambent.wire.http import netloc
from lambent.wire.parse import Call

LONGEST_NAME = 64  # characters of a bare name; the model's 140 are for ARNs


def named(call: Call) -> FunctionRef:
    """The function that FunctionName and Qualifier name."""
    parameters = call.parameters
    return parse_function(
        parameters["FunctionName"], parameters.get("Qualifier"), account=call.account, region=call.region
    )


def unqualified(call: Call) -> FunctionRef:
    """The function that FunctionName names, for operations that know no versions. Raises InvalidParameterValue."""
    ref = named(call)
    if ref.qualifier:
        raise InvalidParameterValue(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            "Please specify either a function name or an unqualified function ARN."
        )
    return ref


def to_create(call: Call) -> FunctionRef:
    """The function that is to be made. Raises ValidationException for a name that is too long."""
    ref = unqualified(call)
    if len(ref.name) > LONGEST_NAME:
        raise ValidationException(
            f"1 validation error detected: Value '{call.parameters['FunctionName']}' at 'functionName' failed to "
            f"satisfy constraint: Member must have length less than or equal to {LONGEST_NAME}"
        )
    return ref


def version(control: Control, ref: FunctionRef) -> StoredVersion:
    """The version that `ref` names, $LATEST if it has no qualifier; of an alias for two versions, the main one.

    Raises ResourceNotFound with the ARN as asked for.
    """
    found = alias(control, ref)
    qualifier = found.version if found else ref.qualifier or LATEST
    if qualifier != LATEST and not _is_number(qualifier):
        raise not_found(ref)
    try:
        return control.functions.get_version(ref.account, ref.region, ref.name, qualifier)
    except ResourceNotFound:
        raise not_found(ref) from None


def alias(control: Control, ref: FunctionRef) -> StoredAlias | None:
    """The alias that `ref` names, if it names one."""
    if not is_alias(ref.qualifier):
        return None
    return control.aliases.get(ref.account, ref.region, ref.name, ref.qualifier or "")


def is_alias(qualifier: str | None) -> bool:
    """Can this be the name of an alias? Versions are numbers, and $LATEST is what AWS keeps for itself."""
    return bool(qualifier and qualifier[0] != "$" and not (qualifier.isascii() and qualifier.isdigit()))


def latest(control: Control, ref: FunctionRef) -> StoredVersion:
    """$LATEST of the function. Raises ResourceNotFound with the function's own ARN, whatever the qualifier."""
    try:
        return control.functions.get_version(ref.account, ref.region, ref.name)
    except ResourceNotFound:
        raise ResourceNotFound(f"Function not found: {function_arn(ref.account, ref.region, ref.name)}") from None


def not_found(ref: FunctionRef) -> ResourceNotFound:
    return ResourceNotFound(f"Function not found: {ref.arn}")


def no_alias(ref: FunctionRef) -> ResourceNotFound:
    """AWS's words where an alias has to be there."""
    return ResourceNotFound(f"Cannot find alias arn: {ref.arn}")


def layer(call: Call) -> LayerRef:
    """The layer that LayerName names; the model has seen to it that it is the name or the ARN of one."""
    ref = parse_layer(call.parameters["LayerName"], account=call.account, region=call.region)
    if ref is None:
        raise InvalidParameterValue(f"Invalid layer name or ARN: {call.parameters['LayerName']}")
    return ref


def layer_version(call: Call) -> LayerRef:
    """The layer version that LayerName and VersionNumber name. Raises InvalidParameterValue for a number below 1."""
    number = call.parameters["VersionNumber"]
    if number < 1:
        raise InvalidParameterValue("Layer Version Cannot be less than 1")
    return structs.replace(layer(call), version=number)


def location(control: Control, call: Call, digest: str) -> str:
    """A link to the zip of `digest`, on the endpoint that the caller reached."""
    settings = control.settings
    host = call.request.headers.get("host") or netloc(settings.host, settings.port)
    return download.make_url(host, digest, control.secret, control.clock.epoch())


def _is_number(qualifier: str) -> bool:
    return qualifier.isascii() and qualifier.isdigit() and qualifier[0] != "0" and len(qualifier) <= 18
