"""Tables of inputs and outputs in the READMEs: `python -m infra.docs [--write]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import hcl2

INFRA = Path(__file__).resolve().parent
_BEGIN = "## Inputs"


def main() -> int:
    """Compare each README with its code; with --write, bring it into step."""
    parser = argparse.ArgumentParser(prog="python -m infra.docs", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write what differs")
    is_writing = parser.parse_args().write
    stale = [folder for folder in folders() if not is_in_step(folder)]
    for folder in stale:
        readme = folder / "README.md"
        if is_writing:
            readme.write_text(with_tables(folder))
        print(f"{readme.relative_to(INFRA.parent)}: {'written' if is_writing else 'not in step'}")
    if stale and not is_writing:
        print("python -m infra.docs --write brings them into step.", file=sys.stderr)
        return 1
    return 0


def folders() -> list[Path]:
    """Every module and root."""
    return sorted(file.parent for file in INFRA.glob("*/*/variables.tf"))


def is_in_step(folder: Path) -> bool:
    """Whether the README says what the code says."""
    readme = folder / "README.md"
    return readme.exists() and readme.read_text() == with_tables(folder)


def with_tables(folder: Path) -> str:
    """The README with its tables as the code has them; what stands above them is kept."""
    readme = folder / "README.md"
    text = readme.read_text() if readme.exists() else f"# {folder.name}\n"
    above = text.partition(f"{_BEGIN}\n")[0].rstrip()
    return "\n".join([above, "", *_inputs(folder), "", *_outputs(folder)]) + "\n"


def _inputs(folder: Path) -> Iterator[str]:
    rows = [
        (f"`{name}`", f"`{_bare(block['type'])}`", _default(block), _text(block["description"]))
        for name, block in _blocks(folder / "variables.tf", "variable")
    ]
    yield _BEGIN
    yield ""
    yield from _table(("Name", "Type", "Default", "What it is"), rows)


def _outputs(folder: Path) -> Iterator[str]:
    rows = [
        (f"`{name}`", _text(block["description"]))
        for name, block in _blocks(folder / "outputs.tf", "output")
    ]
    yield "## Outputs"
    yield ""
    yield from _table(("Name", "What it is"), rows)


def _blocks(file: Path, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for block in hcl2.loads(file.read_text()).get(kind, []):
        for label, body in block.items():
            yield _text(label), body


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _row(heads)
    yield _row(("---",) * len(heads))
    yield from map(_row, rows)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(block: Mapping[str, Any]) -> str:
    if "default" not in block:
        return "required"
    return f"`{_value(block['default'])}`"


def _value(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            fields = ", ".join(f"{_text(key)} = {_value(one)}" for key, one in value.items())
            return f"{{ {fields} }}" if fields else "{}"
        case _:
            return _bare(str(value))


def _text(literal: str) -> str:
    """A string without its quotes."""
    return literal.strip('"').replace('\\"', '"')


def _bare(expression: str) -> str:
    """An expression without the marks that the parser puts around it."""
    return expression[2:-1] if expression.startswith("${") else expression


if __name__ == "__main__":
    raise SystemExit(main())
