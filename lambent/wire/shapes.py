"""Service models as botocore ships them, read without importing botocore: shapes, operations and their traits."""

import gzip
import importlib.util
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

Traits = dict[str, Any]


class UnknownServiceError(LookupError):
    """botocore ships no model of that name."""


class Shape:
    """One use of a shape: its type, and its traits with those of the reference to it laid over them."""

    __slots__ = ("__dict__", "_model", "name", "traits", "type")

    def __init__(self, model: "Model", name: str, traits: Traits) -> None:
        self._model = model
        self.name = name
        self.traits = traits
        self.type: str = traits["type"]

    def __repr__(self) -> str:
        return f"<Shape {self.name}: {self.type}>"

    @cached_property
    def members(self) -> dict[str, "Shape"]:
        return {name: self._model.shape(ref) for name, ref in self.traits.get("members", {}).items()}

    @cached_property
    def member(self) -> "Shape":
        return self._model.shape(self.traits["member"])

    @cached_property
    def key(self) -> "Shape":
        return self._model.shape(self.traits["key"])

    @cached_property
    def value(self) -> "Shape":
        return self._model.shape(self.traits["value"])

    @property
    def required(self) -> list[str]:
        return list(self.traits.get("required", ()))

    @property
    def flattened(self) -> bool:
        return bool(self.traits.get("flattened"))

    @property
    def sensitive(self) -> bool:
        return bool(self.traits.get("sensitive"))

    def wire_name(self, default: str) -> str:
        """The name that this use of the shape has outside: its locationName, or `default`."""
        return str(self.traits.get("locationName", default))


class OperationModel:
    """One operation as the model describes it."""

    def __init__(self, model: "Model", name: str, document: Traits) -> None:
        self.model = model
        self.name = name
        http = document.get("http", {})
        self.method: str = http.get("method", "POST")
        self.uri: str = http.get("requestUri", "/")
        self.success_status: int = http.get("responseCode", 200)
        self.deprecated = bool(document.get("deprecated"))
        self.error_names: list[str] = [ref["shape"] for ref in document.get("errors", ())]
        self.input = model.shape(document["input"]) if "input" in document else None
        self.output = model.shape(document["output"]) if "output" in document else None
        self.result_wrapper: str = document.get("output", {}).get("resultWrapper", f"{name}Result")


class Model:
    """One service: its metadata, operations and shapes. `rename` may change names for one protocol (see SQS)."""

    def __init__(self, service: str, document: Traits) -> None:
        self.service = service
        self.metadata: Traits = document["metadata"]
        self.operation_documents: dict[str, Traits] = document["operations"]
        self._shapes: dict[str, Traits] = document["shapes"]

    @property
    def protocols(self) -> list[str]:
        return list(self.metadata.get("protocols") or [self.metadata["protocol"]])

    def shape(self, ref: Traits) -> Shape:
        """The shape that a reference names, with the reference's own traits on top."""
        definition = self._shapes[ref["shape"]]
        return Shape(self, ref["shape"], {**definition, **ref} if len(ref) > 1 else definition)

    def named(self, name: str) -> Shape:
        return self.shape({"shape": name})

    def operation(self, name: str) -> OperationModel:
        return OperationModel(self, name, self.operation_documents[name])

    def errors(self) -> list[Shape]:
        return [self.named(name) for name, traits in self._shapes.items() if traits.get("exception")]


def load(service: str) -> Model:
    """The newest model of a service that botocore ships (5–20 ms). Raises UnknownServiceError."""
    return Model(service, document(service))


def document(service: str) -> Traits:
    """The raw model, with botocore's own corrections (`sdk-extras`) merged in."""
    folder = _newest_folder(service)
    model: Traits = _read(folder / "service-2.json")
    extras = folder / "service-2.sdk-extras.json"
    if extras.exists():
        _merge(model, msgspec.json.decode(extras.read_bytes()).get("merge", {}))
    return model


def _newest_folder(service: str) -> Path:
    # The name comes from a request: it must not walk out of the data folder.
    if not service.replace("-", "").isalnum():
        raise UnknownServiceError(service)
    versions = sorted((_data() / service).glob("*/service-2.json*"))
    if not versions:
        raise UnknownServiceError(service)
    return versions[-1].parent


def _data() -> Path:
    spec = importlib.util.find_spec("botocore")
    if spec is None or spec.origin is None:
        raise UnknownServiceError("botocore is not installed")
    return Path(spec.origin).parent / "data"


def _read(path: Path) -> Any:
    packed = path.with_name(path.name + ".gz")
    raw = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    return _without_documentation(msgspec.json.decode(raw))


def _without_documentation(tree: Any) -> Any:
    """Prose is most of a model's memory, and nobody reads it here."""
    for definition in [*tree["shapes"].values(), *tree["operations"].values()]:
        definition.pop("documentation", None)
        for ref in definition.get("members", {}).values():
            ref.pop("documentation", None)
    return tree


def _merge(base: Traits, extra: Traits) -> None:
    for key, value in extra.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value
