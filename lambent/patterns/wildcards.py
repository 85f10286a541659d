"""{"wildcard": "a*b"}: any text may stand for an asterisk; \\* is an asterisk and \\\\ a backslash."""

from collections.abc import Callable

from lambent.errors import PatternInvalid

MOST = 5  # asterisks. AWS measures the states of its machine; that six of them are too many is recorded.


def wildcard(pattern: str) -> Callable[[str], bool]:
    """Does a text fit? In one pass over it, whatever the pattern. Raises PatternInvalid in AWS's words."""
    pieces = _pieces(pattern)
    if len(pieces) > MOST + 1:
        raise PatternInvalid(
            "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a "
            "wildcard character"
        )
    first, last, middle = pieces[0], pieces[-1], pieces[1:-1]
    if len(pieces) == 1:
        return lambda text: text == first

    def matches(text: str) -> bool:
        if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for piece in middle:  # the earliest place leaves the most for those that follow
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    return matches


def _pieces(pattern: str) -> list[str]:
    """What stands between the asterisks, escapes resolved."""
    pieces = [""]
    at = 0
    while at < len(pattern):
        letter, following = pattern[at], pattern[at + 1 : at + 2]
        if letter == "*":
            if following == "*":  # positions count from the opening quote
                raise PatternInvalid(f"Consecutive wildcard characters at pos {at + 1}")
            pieces.append("")
        elif letter == "\\":
            if following not in ("*", "\\") or not following:
                raise PatternInvalid(f"Invalid escape character at pos {at + 1}")
            pieces[-1] += following
            at += 1
        else:
            pieces[-1] += letter
        at += 1
    return pieces
