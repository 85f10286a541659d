"""Which operation of a REST service a method, a path and a query name: a tree of path segments, compiled once."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from lambent.wire.query import Query, parse, path_text
from lambent.wire.shapes import Model, OperationModel

_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")


class Route(NamedTuple):
    """One operation at one place of the tree, and what else a request must have to be it."""

    operation: str
    literals: dict[str, list[str]]  # query parameters that the model's URI fixes, such as find=LayerVersion or "acl"
    query: tuple[str, ...]  # required query parameters
    headers: tuple[str, ...]  # required headers, in lower case
    deprecated: bool

    @property
    def demands(self) -> tuple[int, int, bool]:
        """The more a route demands, the earlier it is tried; of two alike the one that is not deprecated."""
        return len(self.literals), len(self.query) + len(self.headers), not self.deprecated

    def has_literals(self, query: Query) -> bool:
        return all(query.get(name) == value for name, value in self.literals.items())

    def fits(self, query: Query, headers: Mapping[str, str]) -> bool:
        return (
            self.has_literals(query)
            and all(name in query for name in self.query)
            and all(name in headers for name in self.headers)
        )


class Node:
    """The routes that end here, by method, and the ways on: by a fixed segment, any segment, or all the rest."""

    __slots__ = ("any", "fixed", "rest", "routes")

    def __init__(self) -> None:
        self.fixed: dict[str, Node] = {}
        self.any: Node | None = None
        self.rest: Node | None = None
        self.routes: dict[str, list[Route]] = {}


# The operation, and the values of the path's labels in order, decoded.
Match = tuple[str, list[str]]


class Routes:
    """The routes of one service."""

    def __init__(self, model: Model) -> None:
        self._root = Node()
        for name in model.operation_documents:
            self._add(model.operation(name))

    def _add(self, operation: OperationModel) -> None:
        path, _, fixed_query = operation.uri.partition("?")
        node = self._root
        for segment in filter(None, path.split("/")):
            node = _step(node, segment)
        routes = node.routes.setdefault(operation.method, [])
        routes.append(_route(operation, fixed_query))
        routes.sort(key=lambda route: route.demands, reverse=True)

    def match(self, method: str, path: str, query: Query, headers: Mapping[str, str]) -> Match | None:
        """The operation that a request names, or None. `path` is raw, so that an encoded "/" stays within a label."""
        segments = path.split("/")
        del segments[0]
        # A path that ends in a slash may mean two things; the long way knows them.
        quick = _straight(self._root, segments, method) if segments and segments[-1] else None
        if quick is not None:
            return quick
        for routes, labels in _walk(self._root, segments, 0, method):
            route = _choose(routes, query, headers)
            if route is not None:
                return route.operation, labels
        return None


def _straight(node: Node, segments: list[str], method: str) -> Match | None:
    """The match that needs no choice: nearly every request of every service but S3."""
    labels: list[str] = []
    for segment in segments:
        step = node.fixed.get(segment)
        if step is None:
            step = node.any
            if step is None:
                return None
            labels.append(path_text(segment) if "%" in segment else segment)
        node = step
    routes = node.routes.get(method)
    if routes is None or len(routes) > 1 or routes[0].literals:
        return None
    return routes[0].operation, labels


def _step(node: Node, segment: str) -> Node:
    label = _LABEL.fullmatch(segment)
    if label is None:
        return node.fixed.setdefault(segment, Node())
    if label[2]:
        node.rest = node.rest or Node()
        return node.rest
    node.any = node.any or Node()
    return node.any


def _route(operation: OperationModel, fixed_query: str) -> Route:
    shape = operation.input
    required = [(name, shape.members[name]) for name in shape.required] if shape else []
    places = [(ref.traits.get("location"), ref.wire_name(name)) for name, ref in required]
    return Route(
        operation=operation.name,
        literals=parse(fixed_query),
        query=tuple(name for place, name in places if place == "querystring"),
        headers=tuple(name.lower() for place, name in places if place == "header"),
        deprecated=operation.deprecated,
    )


def _walk(node: Node, segments: list[str], at: int, method: str) -> list[tuple[list[Route], list[str]]]:
    """The places where a path may end, most literal first, with the labels passed on the way."""
    found: list[tuple[list[Route], list[str]]] = []
    # A trailing slash means nothing (botocore's own URIs have it or not), except within a greedy label.
    if at == len(segments) or (at == len(segments) - 1 and not segments[at]):
        if method in node.routes:
            found.append((node.routes[method], []))
        return found
    segment = segments[at]
    if segment in node.fixed:
        found += _walk(node.fixed[segment], segments, at + 1, method)
    if node.any is not None:
        value = path_text(segment)
        found += [(routes, [value, *labels]) for routes, labels in _walk(node.any, segments, at + 1, method)]
    if node.rest is not None and method in node.rest.routes:
        found.append((node.rest.routes[method], [path_text("/".join(segments[at:]))]))
    return found


def _choose(routes: list[Route], query: Query, headers: Mapping[str, str]) -> Route | None:
    if len(routes) == 1 and not routes[0].literals:
        return routes[0]
    fitting = [route for route in routes if route.fits(query, headers)]
    # Newer SDKs say which S3 operation they mean, which tells apart those that look alike.
    meant = query.get("x-id")
    for route in fitting:
        if meant == [route.operation]:
            return route
    if fitting:
        return fitting[0]
    # Nothing fits: let the least demanding say what is missing.
    return next((route for route in reversed(routes) if route.has_literals(query)), None)
