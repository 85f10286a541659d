"""Event patterns: the language in which EventBridge rules and filters of mappings choose events."""

from lambent.patterns.compiler import compile_pattern
from lambent.patterns.pattern import Pattern
from lambent.patterns.values import read_json

__all__ = ["Pattern", "compile_pattern", "read_json"]
