"""Named SQL, read from `.sql` files: `-- name: <name> -- <what it is for>` starts a query that goes on to the next."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lambent.errors import StoreError

SQL = Path(__file__).parent / "sql"

_HEADER = re.compile(r"^-- name: (?P<name>\w+) -- (?P<purpose>.+)$", re.MULTILINE)


class Query(NamedTuple):
    """One named statement."""

    name: str
    purpose: str
    sql: str


class Queries(dict[str, str]):
    """The text of each query by its name; asking for one that is not there says so in words."""

    def __missing__(self, name: str) -> str:
        raise StoreError(f"there is no query named {name!r}; lambent/store/sql has: {', '.join(sorted(self))}")


@cache
def shipped() -> Queries:
    """The queries that Lambent ships, read once."""
    return load({path.name: path.read_text() for path in sorted(SQL.glob("*.sql"))})


def load(files: Mapping[str, str]) -> Queries:
    """The queries in these files (name of the file, its text). Raises StoreError for a name that is there twice."""
    found = Queries()
    for file, text in files.items():
        for query in split(text):
            if query.name in found:
                raise StoreError(f"the query {query.name!r} in {file} has a name that is already taken")
            found[query.name] = query.sql
    return found


def split(text: str) -> list[Query]:
    """The queries of one file, in order."""
    headers = list(_HEADER.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    return [
        Query(header["name"], header["purpose"].strip(), text[header.end() : end].strip().rstrip(";"))
        for header, end in zip(headers, ends, strict=True)
    ]
