"""kvref's own packages, told from others that bear their names where a user stands."""

import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

HOME: Final = Path(__file__).resolve().parents[2]
NAMES: Final = ("spec", "kvref", "stateful_models")
APART: Final = "yours_"
"""What comes before the name of a module of the user's that bears one of kvref's names."""


def settle() -> None:
    """Load kvref's own packages, so that nothing else can be meant by their names."""
    for name in NAMES[:2]:
        loaded = sys.modules.get(name)
        if loaded is not None and not own(loaded):
            raise ImportError(
                f"another `{name}` is loaded ({loaded.__file__}) than kvref's, which needs the name"
            )
    sys.path.insert(0, str(HOME))
    try:
        for name in NAMES[:2]:
            import_module(name)
    finally:
        sys.path.remove(str(HOME))


def own(module: ModuleType) -> bool:
    return module.__file__ is not None and HOME in Path(module.__file__).resolve().parents


def found(name: str, path: Iterable[str]) -> ModuleSpec | None:
    """Where a module of this name lies that is not kvref's, or a copy's; without running it."""
    elsewhere = [one for one in path if not Path(one, "stateful_models", "subjects").is_dir()]
    return PathFinder.find_spec(name, elsewhere)


def shadowed(path: Iterable[str]) -> list[str]:
    """kvref's names that something else bears there."""
    places = list(path)
    return [name for name in NAMES if found(name, places) is not None]


def apart(module: str, attribute: str, path: Iterable[str]) -> str:
    """The name by which to import a module of the user's; loaded by its place where names clash.

    A subject of kvref's own by that name is meant, if there is one.
    """
    top, dot, rest = module.partition(".")
    theirs = found(top, path) if top in NAMES else None
    if theirs is not None and has(module, attribute):
        return module
    if theirs is None or theirs.origin is None:
        return module
    name = APART + top
    if name not in sys.modules:
        within = theirs.submodule_search_locations
        again = spec_from_file_location(name, theirs.origin, submodule_search_locations=within)
        assert again is not None, "it was found as a file"
        assert again.loader is not None, "so it can be loaded"
        made = sys.modules[name] = module_from_spec(again)
        try:
            again.loader.exec_module(made)
        except BaseException:
            del sys.modules[name]
            raise
    return name + dot + rest


def has(module: str, attribute: str) -> bool:
    """Whether there is a subject by that name in kvref's own packages."""
    try:
        return hasattr(getattr(import_module(module), attribute, None), "perform")
    except ImportError:
        return False


settle()
