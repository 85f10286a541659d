"""Query strings and forms: `a=1&b&c=x%20y`, as pairs or by name."""

from urllib.parse import unquote, unquote_plus

from lambent.wire.faults import malformed

Query = dict[str, list[str]]
MOST = 100_000  # names and values of one query or form: 33 million would fit into a body, and fill the memory


def parse(text: str) -> Query:
    """Every value of every name, in order; a name without "=" has the value "". Raises AwsError for too many."""
    query: Query = {}
    if text.count("&") > MOST:
        raise malformed(f"More than {MOST} parameters")
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            query.setdefault(_plain(name), []).append(_plain(value))
    return query


def _plain(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


def path_text(text: str) -> str:
    """A path segment decoded once; "+" is itself there."""
    return unquote(text) if "%" in text else text
