"""Functions to call before the snapshot of an initialised environment is taken, and after each restore from it.

The interface of AWS's package of this name; a copy in the function's own package is found first, and works as well.
"""

_before_snapshot = []
_after_restore = []


def register_before_snapshot(function, *args, **kwargs):
    """Have `function(*args, **kwargs)` called before the snapshot, the last one registered first. A decorator, too."""
    _before_snapshot.append((function, args, kwargs))
    return function


def register_after_restore(function, *args, **kwargs):
    """Have `function(*args, **kwargs)` called after each restore, in the order of registration. A decorator, too."""
    _after_restore.append((function, args, kwargs))
    return function


def get_before_snapshot():
    """What is registered, as (function, args, kwargs) in the order of registration."""
    return _before_snapshot


def get_after_restore():
    """What is registered, as (function, args, kwargs) in the order of registration."""
    return _after_restore
