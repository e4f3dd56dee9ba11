"""The tables of the READMEs that are generated, and the means to write them anew.

    python -m tests.support.tables                     the laws, and how strong, in spec/README.md
    python -m tests.support.tables MATRIX.json         and the matrix, in stateful_models/bugs/
    python -m tests.support.tables MATRIX.json --check only say whether both are current

MATRIX.json is what `kvref bugs --json MATRIX.json` wrote.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from spec.laws import ALL, AnyLaw
from stateful_models.bugs.matrix import METHODS
from stateful_models.cli.laws import as_data, sentence
from stateful_models.engines.changed import every_change
from stateful_models.reports.data import BugsDocument, ExhibitLine, decoded
from tests.support.paths import ROOT

LAWS: Final = ROOT / "spec" / "README.md"
MATRIX: Final = ROOT / "stateful_models" / "bugs" / "README.md"
CHANGED: Final = "changed transitions"
FAMILIES: Final = "PRMSWBK"


def place(law: AnyLaw) -> tuple[int, int]:
    return FAMILIES.index(law.code[0]), int(law.code[1:])


def says(law: AnyLaw) -> str:
    """The first paragraph of its predicate's docstring."""
    text = (law.holds.__doc__ or "").split("\n\n")[0]
    return " ".join(text.split()).rstrip(".")


def law_table() -> str:
    rows = ["| law | says | stated in |", "|---|---|---|"]
    for law in sorted(ALL, key=place):
        module = law.holds.__module__.removeprefix("spec.")
        rows.append(f"| {law.code} {law.title} | {says(law)} | [{module}]({module}.py) |")
    return "\n".join(rows)


def matrix_table(lines: list[ExhibitLine]) -> str:
    rows = [f"| exhibit | wing | breaks | {' | '.join(METHODS)} |", "|---|---|---|" + "--:|" * 6]
    for line in lines:
        cells = [cell(line, method) for method in METHODS]
        rows.append(f"| {line.exhibit} | {line.wing} | {line.law} | {' | '.join(cells)} |")
    return "\n".join(rows)


def cell(line: ExhibitLine, method: str) -> str:
    """Of a machine only whether it caught it: what Hypothesis draws depends on what else the
    process has loaded."""
    if method not in line.operations:
        return ""
    number = line.operations[method]
    if number is not None and method == "machine":
        return "yes"
    return "-" if number is None else str(number)


def between(text: str, mark: str) -> tuple[str, str, str]:
    head, begin, rest = text.partition(f"<!-- {mark} -->\n")
    table, end, tail = rest.partition(f"\n<!-- end of {mark} -->")
    assert begin, f"no table begins with {mark}"
    assert end, f"no table of {mark} ends"
    return head + begin, table, end + tail


def wanted(matrix: Path | None) -> Iterator[tuple[Path, str, str]]:
    yield LAWS, "laws", law_table()
    yield LAWS, CHANGED, sentence(as_data(every_change()))
    if matrix is not None:
        document = decoded(matrix.read_bytes())
        assert isinstance(document, BugsDocument)
        yield MATRIX, "matrix", matrix_table(document.result)


def main(arguments: list[str]) -> int:
    files = [Path(one) for one in arguments if not one.startswith("--")]
    stale = 0
    for path, mark, table in wanted(files[0] if files else None):
        head, old, tail = between(path.read_text(), mark)
        if old != table and "--check" in arguments:
            print(f"{path.relative_to(ROOT)}: the table of {mark} is not current")
            stale = 1
        elif old != table:
            path.write_text(f"{head}{table}{tail}")
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
