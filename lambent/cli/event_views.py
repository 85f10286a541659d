"""How `lambent events` shows events, letters and messages to people."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from lambent.cli.output import paint, table

Row = dict[str, Any]

_NOTHING = {
    "kept": "no failed events are kept",
    "waiting": "no events wait",
    "letters": "no letters wait to be delivered",
    "outbox": "the outbox is empty",
}


def listed(kind: str, rows: Sequence[Row], narrowed: str = "") -> str:
    """A table of the rows of one kind; `narrowed` is what was asked for: there may be others."""
    if not rows:
        return f"{narrowed}: {_NOTHING[kind]}" if narrowed else _NOTHING[kind]
    heads, cells = _TABLES[kind]
    return table([cells(row) for row in rows], heads)


def moment(at: float) -> str:
    """A moment in the server's time, in UTC: the clock may be a virtual one."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


def _kept_cells(row: Row) -> tuple[str, ...]:
    status = str(row["status"]) if row["status"] != 200 else "-"  # 200: nobody has refused it
    problem = str(row["undelivered"] or row["error_type"] or status)
    return moment(row["failed"]), _function(row), row["condition"], str(row["attempts"]), row["request_id"], problem


def _waiting_cells(row: Row) -> tuple[str, ...]:
    return row["name"], str(row["waiting"]), moment(row["due"])


def _letter_cells(row: Row) -> tuple[str, ...]:
    return moment(row["due"]), _function(row), row["kind"], str(row["tries"]), row["request_id"], row["target"]


def _outbox_cells(row: Row) -> tuple[str, ...]:
    return moment(row["delivered"]), _function(row), row["operation"], row["request_id"], row["target"]


_TABLES: dict[str, tuple[tuple[str, ...], Callable[[Row], tuple[str, ...]]]] = {
    "kept": (("FAILED", "FUNCTION", "CONDITION", "ATTEMPTS", "REQUEST ID", "WHY"), _kept_cells),
    "waiting": (("FUNCTION", "WAITING", "FIRST DUE"), _waiting_cells),
    "letters": (("DUE", "FUNCTION", "KIND", "TRIES", "REQUEST ID", "TARGET"), _letter_cells),
    "outbox": (("SENT", "FUNCTION", "OPERATION", "REQUEST ID", "TARGET"), _outbox_cells),
}


def shown(found: Row) -> str:
    """All that is known of one event."""
    parts = [_kept(entry) for entry in found["kept"]]
    if found["waiting"]:
        parts.append(_waiting(found["waiting"]))
    parts += [_letter(letter) for letter in found["letters"]]
    parts += [_message(message) for message in found["outbox"]]
    return "\n\n".join([paint(str(found["request_id"]), "bold"), *parts])


def _kept(row: Row) -> str:
    head = f"{paint('kept', 'red')} since {moment(row['failed'])}: {row['condition']} after {_times(row['attempts'])}"
    lines = [head, f"function  {_function(row)}", f"accepted  {moment(row['received'])}"]
    if row["undelivered"]:
        lines.append(f"not delivered to  {row['undelivered']}")
    return "\n".join([*lines, *_block("payload", row), *_block("answer", row)])


def _waiting(row: Row) -> str:
    head = f"{paint('waiting', 'yellow')}, due {moment(row['due'])}, after {_times(row['attempts'])}"
    lines = [head, f"function  {_function(row)}", f"accepted  {moment(row['received'])}"]
    return "\n".join([*lines, *_block("payload", row)])


def _letter(row: Row) -> str:
    head = f"{paint('letter', 'yellow')} ({row['kind']}) to {row['target']}, due {moment(row['due'])}"
    return "\n".join([head, *_attributes(row["attributes"]), *_block("body", row)])


def _message(row: Row) -> str:
    head = f"{paint('in the outbox', 'green')} since {moment(row['delivered'])}: {row['operation']} to {row['target']}"
    attributes = row["parameters"].get("MessageAttributes", {})
    values = {name: each["StringValue"] for name, each in attributes.items()}
    others = {name: str(value) for name, value in row["parameters"].items() if not name.startswith("Message")}
    return "\n".join([head, *_attributes(values | others), *_block("body", row)])


def _attributes(values: dict[str, str]) -> list[str]:
    return [f"{name}  {value}" for name, value in values.items()]


def _block(name: str, row: Row) -> list[str]:
    if row.get(name):
        return [f"{paint(name, 'cyan')}", str(row[name])]
    return [f"{paint(name, 'cyan')} (base64)", row[f"{name}_base64"]] if row.get(f"{name}_base64") else []


def _function(row: Row) -> str:
    return f"{row['name']}:{row['qualifier']}" if row["qualifier"] else str(row["name"])


def _times(attempts: int) -> str:
    return "1 attempt" if attempts == 1 else f"{attempts} attempts"
