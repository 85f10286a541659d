"""GetAccountSettings."""

from lambent.control import claims, rules
from lambent.control.control import Control
from lambent.model import Document
from lambent.wire.parse import Call


async def get_account_settings(control: Control, call: Call) -> Document:
    functions, _ = control.functions.totals(call.account, call.region)
    claimed = control.concurrency.claims(call.account, call.region)
    settings = control.settings
    return {
        "AccountLimit": {
            "TotalCodeSize": control.code_quota.limit_bytes,
            "CodeSizeUnzipped": rules.UNZIPPED_BYTES,
            "CodeSizeZipped": rules.ZIPPED_BYTES,
            "ConcurrentExecutions": settings.concurrency,
            "UnreservedConcurrentExecutions": claims.unreserved(claimed, settings.concurrency),
        },
        "AccountUsage": {"TotalCodeSize": control.code_bytes(call.account, call.region), "FunctionCount": functions},
    }
