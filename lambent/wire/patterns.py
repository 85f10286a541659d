"""Java's regular expressions, in which the models write their patterns, as Python's."""

import re
import warnings
from collections.abc import Callable
from functools import cache

# Unicode classes that the models use, as the nearest that `re` knows inside a character class. \p{L} and \p{N} become
# \w, which adds only the underscore; every pattern that uses them lists it anyway.
_SPACES = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": _SPACES, r"\p{Zs}": _SPACES, r"\p{Print}": r"[\x20-\x7e]"}

# Patterns of EventBridge that take exponential time on many spaces, and what they mean.
_TAMED = {
    r"^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$": r"\t*[\x20-\x7E][\t\x20-\x7E]*",
    r"^[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*$": (
        r"\t*[^\x00-\x1F:\x7F][^\x00-\x08\x0A-\x1F:\x7F]*"
    ),
}


@cache
def matcher(pattern: str) -> Callable[[str], object] | None:
    """Matches the whole of a text (a match or None); itself None for a pattern that cannot be said in Python."""
    unicode = r"\p{" in pattern
    translated = _TAMED.get(pattern, pattern)
    for java, python in _CLASSES.items():
        translated = translated.replace(java, python)
    # Java takes the "-" after a class as itself; Python takes it as a broken range.
    translated = re.sub(r"(\\[wds])-", r"\1\\-", translated)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            compiled = re.compile(translated, re.NOFLAG if unicode else re.ASCII)
    except re.error:
        return None
    return compiled.fullmatch
