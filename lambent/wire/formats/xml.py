"""XML: elements named by the members. Lists and maps come wrapped or flattened, as the model says."""

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLParser
from xml.sax.saxutils import escape, quoteattr

from lambent.errors import AwsError, LambentError
from lambent.wire.formats import Convert, text
from lambent.wire.formats.tree import in_body, later
from lambent.wire.shapes import Shape

# Adds a value's text to a list of pieces.
Write = Callable[[Any, list[str]], None]
# Tags and attributes take far more memory and time than their bytes. Of the largest requests that mean anything, 10,000
# parts with their checksums have half as many tags, and 1,000 keys of nothing but "=" nearly as many of these.
MOST_TAGS = 500_000
MOST_EQUALS = 1_100_000
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def escaped(value: str) -> str:
    # A bare carriage return would reach the reader as a line feed.
    return escape(value, {"\r": "&#13;"})


class XmlFormat:
    """Compiles shapes to functions from elements to values, and from values to text."""

    content_type = "application/xml"

    def __init__(self, namespace: str = "") -> None:
        self.namespace = namespace
        self._readers: dict[str, Convert] = {}
        self._writers: dict[tuple[str, str], Write] = {}

    # Reading

    def load(self, body: bytes) -> Element:
        # A document type is the way to entity bombs and to other files; no AWS request has one. In UTF-16, where every
        # other byte is a zero, it would not be found.
        if b"<!DOCTYPE" in body or b"<!ENTITY" in body or b"\0" in body:
            raise _malformed()
        if body.count(b"<") > MOST_TAGS or body.count(b"=") > MOST_EQUALS:
            raise AwsError("Your request was too big.", code="MaxMessageLengthExceeded", status=400)
        parser = XMLParser()
        try:
            parser.feed(body)
            root: Element = parser.close()
        except (ParseError, ValueError, LookupError):
            raise _malformed() from None
        return root

    def decoder(self, shape: Shape) -> Convert:
        """From the element that holds a value to the value."""
        if shape.type == "structure":
            return self._readers.get(shape.name) or self._structure_reader(shape)
        if shape.type == "list":
            item = later(lambda: self.decoder(shape.member))
            return lambda element: [item()(child) for child in element]
        if shape.type == "map":
            pair = self._pair_reader(shape)
            return lambda element: dict(pair(child) for child in element)
        convert = text.decoder(shape)
        return lambda element: convert(element.text or "")

    def payload(self, shape: Shape) -> Convert:
        """The same of the outermost element, which has the name that the model gives it."""
        decode, name = self.decoder(shape), shape.wire_name("")

        def read(root: Element) -> Any:
            if name and _plain(root.tag) != name:
                raise _malformed()
            return decode(root)

        return read

    def _structure_reader(self, shape: Shape) -> Convert:
        attributes = [(name, _plain(ref.wire_name(name))) for name, ref in shape.members.items() if _attribute(ref)]
        required = frozenset(shape.required) & {name for name, _ in in_body(shape)}
        many: dict[str, tuple[str, Convert]] = {}
        one: dict[str, tuple[str, Convert]] = {}

        def read(element: Element) -> dict[str, Any]:
            value: dict[str, Any] = {}
            for child in element:
                tag = _plain(child.tag)
                if tag in one:
                    name, convert = one[tag]
                    value[name] = convert(child)
                elif tag in many:
                    name, convert = many[tag]
                    value.setdefault(name, []).append(convert(child))
            for key, found in element.attrib.items() if attributes else ():
                value |= {name: found for name, wanted in attributes if _plain(key) == wanted}
            if not required <= value.keys():
                raise _malformed()
            return _with_maps(shape, value)

        self._readers[shape.name] = read
        for name, ref in in_body(shape):
            if ref.type == "list" and ref.flattened:
                many[ref.wire_name(name)] = (name, self.decoder(ref.member))
            elif ref.type == "map" and ref.flattened:
                many[ref.wire_name(name)] = (name, self._pair_reader(ref))
            elif not _attribute(ref):
                one[ref.wire_name(name)] = (name, self.decoder(ref))
        return read

    def _pair_reader(self, shape: Shape) -> Callable[[Element], tuple[Any, Any]]:
        key_name, value_name = shape.key.wire_name("key"), shape.value.wire_name("value")
        key, value = text.decoder(shape.key), later(lambda: self.decoder(shape.value))

        def read(entry: Element) -> tuple[Any, Any]:
            parts = {_plain(child.tag): child for child in entry}
            if key_name not in parts or value_name not in parts:
                raise _malformed()
            return key(parts[key_name].text or ""), value()(parts[value_name])

        return read

    # Writing

    def encode_body(self, shape: Shape, root: str) -> Callable[[Any], bytes]:
        write = self.element(shape, root, f" xmlns={quoteattr(self.namespace)}" if self.namespace else "")

        def encode(value: Any) -> bytes:
            pieces = [DECLARATION]
            write(value, pieces)
            return "".join(pieces).encode()

        return encode

    def element(self, shape: Shape, name: str, attributes: str = "") -> Write:
        """Writes a value as an element of that name."""
        if shape.type == "structure":
            return self._structure_element(shape, name, attributes)
        opening, closing = f"<{name}{attributes}>", f"</{name}>"
        inner = later(lambda: self._content(shape))

        def write(value: Any, pieces: list[str]) -> None:
            pieces.append(opening)
            inner()(value, pieces)
            pieces.append(closing)

        return write

    def _content(self, shape: Shape) -> Write:
        if shape.type == "list":
            return self._each(shape.member, shape.member.wire_name("member"))
        if shape.type == "map":
            return self._entries(shape, "entry")
        convert = text.encoder(shape, "iso8601")
        return lambda value, pieces: pieces.append(escaped(convert(value)))

    def _structure_element(self, shape: Shape, name: str, attributes: str) -> Write:
        members = later(lambda: self._members(shape))
        namespace = shape.traits.get("xmlNamespace")
        if isinstance(namespace, dict) and namespace.get("prefix"):
            attributes += f" xmlns:{namespace['prefix']}={quoteattr(namespace['uri'])}"
        bound = {member: ref.wire_name(member) for member, ref in shape.members.items() if _attribute(ref)}

        def write(value: dict[str, Any], pieces: list[str]) -> None:
            own = "".join(
                f" {wire}={quoteattr(str(value[member]))}" for member, wire in bound.items() if member in value
            )
            pieces.append(f"<{name}{attributes}{own}>")
            members()(value, pieces)
            pieces.append(f"</{name}>")

        return write

    def _members(self, shape: Shape) -> Write:
        key = (shape.name, "members")
        if key not in self._writers:
            self._writers[key] = self._members_writer(shape)
        return self._writers[key]

    def members(self, shape: Shape) -> Write:
        """Writes the members of a structure, without an element around them."""
        return self._members(shape)

    def _members_writer(self, shape: Shape) -> Write:
        plan = {name: self._member(name, ref) for name, ref in shape.members.items()}

        def write(value: dict[str, Any], pieces: list[str]) -> None:
            for name, item in value.items():
                if name not in plan:
                    raise LambentError(f"the shape {shape.name} has no member {name!r}; it has: {', '.join(plan)}")
                writer = plan[name]
                if item is not None and writer is not None:
                    writer(item, pieces)

        return write

    def _member(self, name: str, ref: Shape) -> Write | None:
        if _attribute(ref):
            return None
        wire = ref.wire_name(name)
        if ref.type == "list" and ref.flattened:
            return self._each(ref.member, ref.member.wire_name(wire))
        if ref.type == "map" and ref.flattened:
            return self._entries(ref, wire)
        return self.element(ref, wire)

    def _each(self, shape: Shape, name: str) -> Write:
        item = later(lambda: self.element(shape, name))

        def write(value: Any, pieces: list[str]) -> None:
            for each in value:
                item()(each, pieces)

        return write

    def _entries(self, shape: Shape, name: str) -> Write:
        key = self.element(shape.key, shape.key.wire_name("key"))
        item = later(lambda: self.element(shape.value, shape.value.wire_name("value")))

        def write(value: dict[str, Any], pieces: list[str]) -> None:
            for each, held in value.items():
                pieces.append(f"<{name}>")
                key(each, pieces)
                item()(held, pieces)
                pieces.append(f"</{name}>")

        return write


def _malformed() -> AwsError:
    words = "The XML you provided was not well-formed or did not validate against our published schema"
    return AwsError(words, code="MalformedXML", status=400)


def _plain(tag: str) -> str:
    """A name without its namespace, whether written {uri}name or prefix:name."""
    return tag.rpartition("}")[2].rpartition(":")[2]


def _attribute(shape: Shape) -> bool:
    return bool(shape.traits.get("xmlAttribute"))


def _with_maps(shape: Shape, value: dict[str, Any]) -> dict[str, Any]:
    """Flattened maps were gathered as pairs."""
    for name, ref in shape.members.items():
        if name in value and ref.type == "map" and ref.flattened:
            value[name] = dict(value[name])
    return value
