"""What mutmut said, against the list of mutants that nothing can tell from the original."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

LIST: Final = Path(__file__).with_name("equivalents.txt")
ARROW: Final = " => "
SURVIVED: Final = ("survived", "no tests", "suspicious")


class Mutant(NamedTuple):
    """One change: in which function, from what to what. Numbers shift with the code; this stays."""

    function: str
    change: str

    def __str__(self) -> str:
        return f"{self.function} | {self.change}"


def function_of(name: str) -> str:
    """`kvref.pool.xǁKVCachePoolǁset__mutmut_7` is of kvref.pool.KVCachePool.set."""
    module, _, rest = name.partition("__mutmut_")[0].rpartition(".x")
    plain = rest[1:].replace("ǁ", ".")  # x_ before a function, xǁ before a class
    return f"{module}.{plain}"


def change_of(diff: str) -> str:
    lines = diff.splitlines()
    old = [line[1:].strip() for line in lines if re.match(r"-(?!--)", line)]
    new = [line[1:].strip() for line in lines if re.match(r"\+(?!\+\+)", line)]
    return f"{' '.join(old)}{ARROW}{' '.join(new)}".strip()


def explained() -> dict[str, str]:
    """Mutant -> why it is equivalent."""
    found = {}
    for line in LIST.read_text().splitlines():
        if line and not line.startswith("#"):
            mutant, _, reason = line.rpartition(" | ")
            found[mutant] = reason
    return found


def mutmut(where: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, cwd=where, capture_output=True, text=True).stdout


def survivors(where: Path) -> Iterator[Mutant]:
    for line in mutmut(where, "results").splitlines():
        name, _, status = line.strip().rpartition(": ")
        if status in SURVIVED:
            yield Mutant(function_of(name), change_of(mutmut(where, "show", name)))


def counts(where: Path) -> dict[str, int]:
    """mutmut's exported statistics: it exits 0 whatever survives."""
    mutmut(where, "export-cicd-stats")
    text = (where / "mutants" / "mutmut-cicd-stats.json").read_text()
    told: dict[str, int] = json.loads(text)
    return told
