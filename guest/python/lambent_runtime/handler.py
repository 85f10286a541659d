"""From the handler setting to the function itself, with the faults that AWS reports on the way."""

import importlib
import os
import sys

from .errors import Fault

# Modules that AWS's client loads before a handler: a file of that name in the package is not seen there either.
LOADED_ON_AWS = frozenset(
    "__future__ __main__ _collections_abc _decimal _json _weakrefset abc codecs collections contextlib copyreg decimal "
    "encodings enum functools genericpath importlib io json keyword linecache logging math numbers operator os "
    "posixpath re reprlib stat string textwrap threading token tokenize traceback types warnings weakref "
    "zipimport".split()
) | frozenset(sys.builtin_module_names)
OURS = __name__.partition(".")[0]


def load(handler):
    """The callable that `handler` names ("dir/module.function"); raises Fault, or whatever the module raises."""
    module_name, function_name = split(handler)
    module = import_module(module_name)
    try:
        return getattr(module, function_name)
    except AttributeError:
        message = "Handler '{}' missing on module '{}'".format(function_name, module_name)
        raise Fault("Runtime.HandlerNotFound", message) from None


def split(handler):
    module_name, dot, function_name = handler.rpartition(".")
    if not dot:
        message = "Bad handler '{}': not enough values to unpack (expected 2, got 1)".format(handler)
        raise Fault("Runtime.MalformedHandlerName", message)
    return module_name, function_name


def import_module(name):
    if name.split(".")[0] in sys.builtin_module_names:
        message = "Cannot use built-in module {} as a handler module".format(name)
        raise Fault("Runtime.BuiltInModuleConflict", message)
    try:
        return importlib.import_module(name.replace("/", "."))
    except ImportError as error:
        message = "Unable to import module '{}': {}".format(name, error)
        raise Fault("Runtime.ImportModuleError", message) from error
    except SyntaxError as error:
        trace = '  File "{}" Line {}\n    {}'.format(error.filename, error.lineno, error.text)
        message = "Syntax error in module '{}': {}".format(name, error)
        raise Fault("Runtime.UserCodeSyntaxError", message, [trace]) from error


def forget_shadowed(directories):
    """Unload what was preloaded under a name that the function's own files have: they come first on AWS."""
    names = set()
    for directory in directories:
        names.update(_importable(directory))
    names = {name for name in names if name in sys.modules and name not in LOADED_ON_AWS and name != OURS}
    if names:
        for loaded in [loaded for loaded in sys.modules if loaded.partition(".")[0] in names]:
            del sys.modules[loaded]


def _importable(directory):
    """The first words of the file names in a directory, which includes every top-level module in it."""
    try:
        return {entry.partition(".")[0] for entry in os.listdir(directory)}
    except OSError:
        return set()
