"""What may be claimed of an account's concurrency: the arithmetic of reserved and provisioned, without any I/O.

Sources: lambda-semantics.md §1, §7 and §30; the sentences are AWS's (oracles: errors.tsv). Where AWS sends no
Type with an error, neither do we.
"""

from lambent.errors import InvalidParameterValue
from lambent.store.concurrency import Claims

KEPT_UNRESERVED = 100  # executions that are always left to the functions that have claimed nothing


def unreserved(claims: Claims, limit: int) -> int:
    """What is left of the account's `limit` for functions that have claimed nothing."""
    return limit - claims.total()


def minimum(limit: int) -> int:
    """What has to be left; all there is in an account whose limit is lower, as AWS tells new accounts."""
    return min(KEPT_UNRESERVED, limit)


def with_reserved(claims: Claims, name: str, reserved: int) -> Claims:
    return Claims({**claims.reserved, name: reserved}, claims.provisioned)


def with_provisioned(claims: Claims, name: str, qualifier: str, requested: int) -> Claims:
    return Claims(claims.reserved, {**claims.provisioned, (name, qualifier): requested})


def check_reserved(claims: Claims, name: str, reserved: int, limit: int) -> None:
    """May `reserved` be kept for the function? Raises InvalidParameterValue."""
    after = with_reserved(claims, name, reserved)
    if _takes_too_much(claims, after, limit):
        raise InvalidParameterValue(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{minimum(limit)}].",
            Type=None,
        )
    provisioned = claims.provisioned_of(name)
    if provisioned > reserved:  # the blanks are AWS's
        raise InvalidParameterValue(
            f" ReservedConcurrentExecutions  {reserved} should not be lower than function's total provisioned "
            f"concurrency [{provisioned}].",
            Type=None,
        )


def check_provisioned(claims: Claims, name: str, qualifier: str, requested: int, limit: int) -> None:
    """May `requested` environments be provisioned for a version or an alias? Raises InvalidParameterValue.

    They come out of what the function has reserved, or else out of what is left to all.
    """
    reserved = claims.reserved.get(name)
    if reserved is not None:
        if claims.provisioned_of(name, besides=qualifier) + requested > reserved:
            raise InvalidParameterValue(
                "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for "
                "function"
            )
        return
    after = with_provisioned(claims, name, qualifier, requested)
    left = unreserved(with_provisioned(claims, name, qualifier, 0), limit)
    if requested > left and after.total() > claims.total():
        raise InvalidParameterValue(
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency "
            f"[{max(0, left)}].",
            Type=None,
        )
    if _takes_too_much(claims, after, limit):
        raise InvalidParameterValue(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
            f"minimum value of [{minimum(limit)}].",
            Type=None,
        )


def _takes_too_much(before: Claims, after: Claims, limit: int) -> bool:
    """A claim that takes no more than there was is never too much, should the limit have been lowered since."""
    return after.total() > before.total() and unreserved(after, limit) < minimum(limit)
