"""Mutants of what mutmut skips: properties and decorated functions, by cosmic-ray's operators.

    python -m tests.mutation.properties             all of them: the better part of an hour
    python -m tests.mutation.properties kvref.stats those of functions that begin so

Exit status 1 if a mutant survives that `equivalents.txt` does not explain.
"""

import ast
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

from tests.mutation.__main__ import copied, selected
from tests.mutation.report import ARROW, Mutant, explained

LEFT_OUT: Final = {"__init__.py", "errors.py", "integrity.py", "ownership.py", "recording.py"}


class Skipped(NamedTuple):
    """A decorated function: its name and the lines of its body."""

    name: str
    lines: range


class Changed(NamedTuple):
    """A module's source with one change in it."""

    path: Path
    mutant: Mutant
    source: str


def skipped(path: Path) -> Iterator[Skipped]:
    for outer in ast.walk(ast.parse(path.read_text())):
        for node in ast.iter_child_nodes(outer):
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                owner = f"{outer.name}." if isinstance(outer, ast.ClassDef) else ""
                lines = range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1)
                yield Skipped(owner + node.name, lines)


def changes(path: Path) -> Iterator[Changed]:
    """Every operator at every place in a decorated function."""
    spots, source = tuple(skipped(path)), path.read_text()
    module = ".".join(path.with_suffix("").parts)
    for name in cosmic_ray.plugins.operator_names() if spots else ():
        kind = cosmic_ray.plugins.get_operator(name)
        if kind.arguments():
            continue
        operator = kind()
        places = [at for n in ast_nodes(get_ast(source)) for at in operator.mutation_positions(n)]
        for number, (start, _) in enumerate(places):
            for spot in spots:
                if start[0] in spot.lines:
                    made = mutate_code(source, operator, number)
                    if made is not None and made != source:
                        told = difference(source, made)
                        yield Changed(path, Mutant(f"{module}.{spot.name}", told), made)


def difference(old: str, new: str) -> str:
    pairs = zip(old.splitlines(), new.splitlines(), strict=False)
    before, after = next((a.strip(), b.strip()) for a, b in pairs if a != b)
    return f"{before}{ARROW}{after}"


def survives(where: Path, change: Changed) -> bool:
    """No quick test of the package fails."""
    target = where / change.path
    right = target.read_text()
    target.write_text(change.source)
    tests = selected([change.mutant.function])
    plainly = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    command = [sys.executable, "-m", "pytest", *plainly, *tests]
    try:
        done = subprocess.run(command, cwd=where, capture_output=True, timeout=600)
    except subprocess.TimeoutExpired:
        return False
    finally:
        target.write_text(right)
    return done.returncode == 0


def main() -> int:
    paths = sorted([*Path("spec").glob("*.py"), *Path("kvref").rglob("*.py")])
    found = (one for path in paths if path.name not in LEFT_OUT for one in changes(path))
    chosen = tuple(sys.argv[1:]) or ("",)
    made = [one for one in found if one.mutant.function.startswith(chosen)]
    with tempfile.TemporaryDirectory() as folder:
        copied(Path(folder), [])
        alive = []
        for number, change in enumerate(made, 1):
            if survives(Path(folder), change):
                alive.append(str(change.mutant))
            if number % 20 == 0:
                print(f"{number} of {len(made)}, {len(alive)} alive", flush=True)
    known = explained()
    new = [one for one in alive if one not in known]
    print(f"{len(made)} mutants, {len(alive)} survive, {len(alive) - len(new)} of them explained")
    for one in new:
        print(f"unexplained: {one}")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())
