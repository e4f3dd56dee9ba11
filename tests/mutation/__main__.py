"""Run mutmut on a copy of the tree, and hold what survives against the list.

    python -m tests.mutation                   everything: hours; the nightly command
    python -m tests.mutation 'spec.search*'    some mutants, by mutmut's names
    python -m tests.mutation --since HEAD~1    the functions that changed since; what CI does

Exit status 1 if a mutant survives that `equivalents.txt` does not explain.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.mutation.report import counts, explained, survivors
from tests.mutation.touched import git, touched

QUICK: Final = {  # what kills most of a package's mutants; for changes, where time is short
    "spec.search": [
        "tests/spec/test_search_nodes.py",
        "tests/spec/test_search_step.py",
        "tests/stateful_models/engines/test_search_protocol.py",
        "tests/spec/test_search_situations.py",
        "tests/spec/test_tensor_law_clauses.py",
        "tests/stateful_models/engines/test_session_client.py",
        "-k",
        "not command and not exit_status and not retention_needs and not random "
        "and not without_clearing and not REFERENCE and not COPY and not profiles_give",
    ],
    "spec": ["tests/spec", "tests/stateful_models/bugs/test_museum.py"],
    "kvref.tensors": ["tests/kvref/tensors"],
    "kvref": [
        *sorted(map(str, Path("tests/kvref").glob("test_[!gr]*.py"))),
        "tests/kvref/test_ranks.py",
        "tests/kvref/test_records.py",
        "tests/kvref/test_refusals.py",
        "tests/stateful_models/bugs/test_museum.py",
    ],
}


def copied(to: Path, patterns: list[str]) -> None:
    """The files that git knows; for some mutants only, their modules alone and quick tests."""
    for name in git("ls-files", "--cached", "--others", "--exclude-standard").split():
        if Path(name).exists():
            target = to / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(name, target)
    if patterns:
        path = to / "pyproject.toml"
        head, mark, tail = path.read_text().partition("pytest_add_cli_args_test_selection = [")
        rest = tail.partition("\n]\n")[2]
        tests, files = listed(selected(patterns)), listed(modules(patterns))
        path.write_text(f'{head}{mark}{tests}, "-m", "not gpu"\n]\nonly_mutate = [{files}]\n{rest}')


def listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def modules(patterns: list[str]) -> list[str]:
    """`spec.pool.x_get__mutmut_*` is in spec/pool.py; `spec.search*` in spec/search*."""
    stems = {one.partition(".x")[0].replace(".", "/") for one in patterns}
    return sorted(stem if stem.endswith("*") else f"{stem}.py" for stem in stems)


def selected(patterns: list[str]) -> list[str]:
    """Quick tests for these mutants, by the first of the packages that each begins with."""
    found = [next(name for name in QUICK if one.startswith(name)) for one in patterns]
    return [test for name in dict.fromkeys(found) for test in QUICK[name]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("patterns", nargs="*")
    parser.add_argument("--since", help="a commit: only functions that changed since")
    parser.add_argument("--most", type=int, default=0, help="so many functions at most; 0: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    patterns = [*asked.patterns, *(touched(asked.since) if asked.since else ())]
    if asked.since and not patterns:
        print(f"no function of spec/ or kvref/ changed since {asked.since}")
        return 0
    left = patterns[asked.most :] if asked.most else []
    patterns = patterns[: asked.most] if asked.most else patterns
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        copied(where, patterns)
        command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(asked.jobs)]
        one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*command, *patterns], cwd=where, capture_output=True, text=True, env=one_thread
        )
        if done.returncode:
            print(done.stdout[-3000:], done.stderr[-3000:], sep="\n", file=sys.stderr)
            return 2
        told, known = counts(where), explained()
        alive = [str(one) for one in survivors(where)]
    new = [one for one in alive if one not in known]
    print(", ".join(f"{name} {count}" for name, count in told.items()))
    print(f"{len(alive)} survive, {len(alive) - len(new)} of them explained")
    for one in new:
        print(f"unexplained: {one}")
    if left:
        print(f"{len(left)} changed functions left to the nightly run")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())
