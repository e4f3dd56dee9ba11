"""A counterexample as a pytest file that runs by itself."""

import os
import re
import sys
import sysconfig
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib.machinery import PathFinder
from math import isfinite
from pathlib import Path
from typing import Final

from kvref import __version__
from spec.policies import NAMED as POLICIES
from spec.policy import Policy
from stateful_models.engines.judge import Divergence
from stateful_models.engines.rows import AnyOp, AnyScope
from stateful_models.scopes.manager import ManagerScope
from stateful_models.subjects.naming import PLAIN
from stateful_models.subjects.own import HOME, NAMES, found, shadowed
from stateful_models.subjects.target import Target

TEMPLATE = '''"""{about}

Run it with pytest. It passes once the history is answered as the specification says.
{mark}{version}.
"""

{imports}

SCOPE = {scope}

HISTORY = (
{history}
)


def test_history_is_answered_as_specified() -> None:
    wrong = replay({made}, SCOPE, HISTORY)
    assert wrong is None, (
        f"after {{len(wrong.history)}} operations: expected {{wrong.expected}}, "
        f"observed {{wrong.observed}}; laws broken: {{wrong.laws}}"
    )
'''
MARK: Final = "Written by kvref "
DEPARTS: Final = "A history on which {name} departs from the specification ({laws})."
SILENT: Final = """A history whose last operation {what}: {name}.

Running it does so again, unless that is mended: it ends pytest, or does not return."""
PATH: Final = """sys.path.insert(0, str(Path(__file__).resolve().parent / {place!r}))"""
SETTLED: Final = """\
KVREF = next(one for one in sys.path if Path(one, "stateful_models", "subjects").is_dir())
sys.path.insert(0, KVREF)  # first: something else bears the names of kvref's packages here"""


def is_repro(text: str) -> bool:
    """Whether kvref wrote this."""
    docstring = text[3:].partition('"""')[0]
    return text.startswith('"""') and f"\n{MARK}" in docstring


def source(value: object) -> str:
    """A value of dataclasses, named tuples, tuples and enums as Python source."""
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, Policy) and value in POLICIES.values():
        return next(f"Policy.{name}" for name, one in POLICIES.items() if one == value)
    names = names_of(value)
    if isinstance(value, float) and not isfinite(value):
        return f'float("{value}")'
    if type(value) is tuple:
        return f"({''.join(f'{source(one)}, ' for one in value)})" if value else "()"
    if names is None:
        return repr(value)
    given = [name for name in names if getattr(value, name) is not PLAIN]
    told = ", ".join(f"{name}={source(getattr(value, name))}" for name in given)
    return f"{type(value).__qualname__}({told})"


def names_of(value: object) -> tuple[str, ...] | None:
    """Of what it is made of; None of what is made of nothing."""
    if is_dataclass(value):
        return tuple(one.name for one in fields(value) if one.init)
    named: tuple[str, ...] | None = getattr(value, "_fields", None)
    return named


def used(*sources: str) -> list[str]:
    """The names of what these expressions make."""
    return [name for text in sources for name in re.findall(r"\b([A-Z]\w*)[(.]", text)]


def repro(
    target: Target,
    scope: AnyScope,
    divergence: Divergence[object, AnyOp],
    kind: str,
    file: Path | None = None,
) -> str:
    """A test that fails as long as the subject answers this history wrongly.

    `file`: where it will lie; it then finds the subject's module from there, from any folder.
    """
    if ":" in target.name:
        module, factory = target.name.split(":")
    else:
        module = "stateful_models"
        factory = "KvrefManager" if isinstance(scope, ManagerScope) else "KvrefPool"
    tier = {"init pool": "INIT", "recur pool": "RECUR", "wm pool": "WM"}.get(kind)
    made = f"pool_of_manager({factory}, Tier.{tier})" if tier else factory
    outer = factory.partition(".")[0]
    lines = [source(op) for op in divergence.history]
    policy = type(scope.profile.policy)
    theirs = policy.__qualname__.partition(".")[0]
    own = theirs if policy.__module__.partition(".")[0] != "spec" else None
    names = {*used(made, source(scope), *lines), "replay"} - {outer, own}
    silent = divergence.observed is None and divergence.error is not None
    return TEMPLATE.format(
        about=(SILENT if silent else DEPARTS).format(
            name=target.name,
            laws=", ".join(divergence.laws) or "no single law",
            what=divergence.error,
        ),
        mark=MARK,
        version=__version__,
        imports=imports(
            ", ".join(sorted(names | ({"pool_of_manager"} if tier else set()))),
            module,
            outer,
            file if ":" in target.name else None,
            None if own is None else (policy.__module__, own),
        ),
        made=made,
        scope=source(scope),
        history="\n".join(f"    {line}," for line in lines),
    )


def imports(
    names: str, module: str, factory: str, file: Path | None, policy: tuple[str, str] | None = None
) -> str:
    """What a repro imports: from kvref's own packages first, then the subject from its place, and
    a policy of somebody's own."""
    ours = f"from stateful_models import {names}"
    theirs = f"from {module} import {factory}"
    if policy is not None and policy[0] == module:
        theirs += f", {policy[1]}"
    elif policy is not None:
        theirs = f"from {policy[0]} import {policy[1]}\n{theirs}"
    home = None if file is None else place_of(module)
    if file is None or home is None:
        return f"{ours}\n{theirs}"
    folder = file.absolute().parent
    path = PATH.format(place=relative(home, folder))
    later = "  # noqa: E402"
    theirs = theirs.replace("\n", f"{later}\n")
    if not shadowed([str(folder), str(home)]):
        lines = ("import sys\nfrom pathlib import Path\n", ours, f"\n{path}", theirs + later)
        return "\n".join(lines)
    where = f"str(Path(__file__).resolve().parent / {relative(home, folder)!r})"
    if module.partition(".")[0] in NAMES:
        theirs = "\n".join(
            f"{name} = import_module(apart({place!r}, {name!r}, [{where}])).{name}"
            for place, name in ((module, factory), *([policy] if policy else []))
        )
        path = f"from stateful_models.subjects.own import apart{later}"
    else:
        theirs += later
    top = "import sys\nfrom importlib import import_module\nfrom pathlib import Path\n"
    settled = f"{SETTLED}\n\n{ours}{later}"
    return "\n".join((top, settled, f"\nsys.path.remove(KVREF)\n{path}\n{theirs}"))


def place_of(module: str) -> Path | None:
    """The folder from which it is imported; None where it is installed, or cannot be found."""
    top = module.partition(".")[0]
    path = [os.getcwd(), *sys.path]
    there = found(top, path) if top in NAMES else PathFinder.find_spec(top, path)
    origin = None if there is None else there.origin
    if there is None or origin is None or not Path(origin).is_file():
        return None
    inside = there.submodule_search_locations is not None
    home = Path(origin).resolve().parents[1 if inside else 0]
    installed = [HOME, *(Path(sysconfig.get_path(name)) for name in ("purelib", "platlib"))]
    return None if home in installed else home


def relative(home: Path, folder: Path) -> str:
    try:
        return os.path.relpath(home, folder.resolve())
    except ValueError:  # on another drive
        return str(home)
