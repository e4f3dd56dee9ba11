"""Which functions a change touches, as mutmut names their mutants."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MUTATED: Final = ("spec/", "kvref/")
HUNK: Final = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


def changed_lines(path: str, since: str) -> set[int]:
    told = git("diff", "-U0", since, "--", path)
    lines: set[int] = set()
    for start, length in HUNK.findall(told):
        lines |= set(range(int(start), int(start) + int(length or 1)))
    return lines


def functions(source: str) -> Iterator[tuple[str, range]]:
    """Name as mutmut mangles it, and the lines, of each function and method."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            yield f"x_{node.name}", range(node.lineno, (node.end_lineno or node.lineno) + 1)
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    last = inner.end_lineno or inner.lineno
                    yield f"xǁ{node.name}ǁ{inner.name}", range(inner.lineno, last + 1)


def touched(since: str) -> Iterator[str]:
    """Patterns of the mutants of every function that differs from what it was at `since`."""
    for path in git("diff", "--name-only", "--diff-filter=AM", since).split():
        if path.startswith(MUTATED) and path.endswith(".py"):
            lines, module = changed_lines(path, since), path.removesuffix(".py").replace("/", ".")
            for name, where in functions(Path(path).read_text()):
                if lines & set(where):
                    yield f"{module}.{name}__mutmut_*"
