"""Rows of an OVSDB as plain dictionaries."""

from __future__ import annotations

from typing import Any

from infra.lab.ovn.jsonrpc import Connection, RemoteError

Row = dict[str, Any]
Operation = dict[str, Any]


def select(connection: Connection, database: str, *tables: str) -> list[list[Row]]:
    """All rows of the tables, at one moment; maps, sets and references are Python's own."""
    operations = [{"op": "select", "table": table, "where": []} for table in tables]
    results = transact(connection, database, operations)
    return [[_plain_row(row) for row in result["rows"]] for result in results]


def transact(connection: Connection, database: str, operations: list[Operation]) -> list[Any]:
    """Do all operations or none. Raises RemoteError."""
    results = list(connection.call("transact", database, *operations))
    errors = [result for result in results if result and result.get("error")]
    if errors:
        raise RemoteError(errors[0])
    return results


def watch(connection: Connection, database: str, *tables: str) -> None:
    """Ask to be told of every change of the tables."""
    connection.call("monitor", database, None, {table: {} for table in tables})
    connection.notified = True


def update(table: str, uuid: str, values: Row) -> Operation:
    """The operation that changes some columns of a row."""
    return {
        "op": "update",
        "table": table,
        "where": [["_uuid", "==", ["uuid", uuid]]],
        "row": values,
    }


def reference(uuid: str | None) -> list[Any]:
    """A column that refers to one row, or to none."""
    return ["uuid", uuid] if uuid else ["set", []]


def several(value: Any) -> list[Any]:
    """The values of a set: OVSDB writes a set of one as that one."""
    return value if isinstance(value, list) else [value]


def _plain_row(row: Row) -> Row:
    return {column: _plain(value) for column, value in row.items()}


def _plain(value: Any) -> Any:
    """An optional column without a value is an empty list, one with a value the value itself."""
    match value:
        case ["uuid", uuid]:
            return uuid
        case ["set", items]:
            return [_plain(item) for item in items]
        case ["map", pairs]:
            return {key: _plain(item) for key, item in pairs}
    return value
