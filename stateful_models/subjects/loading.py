"""Finding the subject that a user names as `module:factory`. Importing it runs their code."""

import sys
from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from types import ModuleType
from typing import Final, cast

from spec.ops import EnvId, Get, Key, On, Tier
from spec.profile import USUAL, Profile
from spec.sizing import Config
from stateful_models.subjects.asking import ask
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.journal import Doing, Journals, interrupted, made
from stateful_models.subjects.manager import ManagerSubject
from stateful_models.subjects.own import NAMES, apart, found
from stateful_models.subjects.pool import PoolSubject
from stateful_models.subjects.profiles import require_profile
from stateful_models.subjects.protocol import (
    ManagerFactory,
    PoolFactory,
    Subject,
    SubjectError,
    Transparent,
)
from stateful_models.subjects.target import Target


class TargetError(Exception):
    """The named subject cannot be used; one line says why."""


def load_target(name: str) -> Target:
    """The pool (three arguments) or manager (four) that this factory makes."""
    return target_of(name, load(name))


def target_of(name: str, factory: Callable[..., object]) -> Target:
    kind = tensor_kind(factory)
    if kind is not None:
        raise TargetError(f"{name} makes {kind}, no pool or manager: `kvref check` takes it")
    manages = arguments(name, factory) == 4
    claimed = getattr(factory, "profiles", None)
    first = claimed[0] if isinstance(claimed, tuple) and claimed else USUAL[0]
    sizes = (Config(1, 1, 1), 1, 1) if manages else (1, 1)
    if claimed is not None:
        require_profiles(name, claimed)
        if manages and any(profile.policy.chosen for profile in claimed):
            raise TargetError(
                f"{name}: who leaves can be left to a pool, not to a manager: pass one of its pools"
            )
    made = prove(name, lambda: factory(first, *sizes))
    profiles = getattr(made, "profiles", USUAL) if claimed is None else claimed
    require_profiles(name, profiles)
    return Target(
        name,
        None if manages else cast(PoolFactory, factory),
        cast(ManagerFactory, factory) if manages else None,
        profiles,
        isinstance(made, Transparent),
        tiers_of(name, made) if manages else tuple(Tier),
    )


def tiers_of(name: str, manager: Subject[object]) -> tuple[Tier, ...]:
    """Those that it names; else all but a tier whose get is not implemented."""
    named: object = getattr(manager, "tiers", None)
    if named is not None:
        right = isinstance(named, tuple) and named and all(isinstance(t, Tier) for t in named)
        if not right or Tier.INIT not in cast(tuple[Tier, ...], named):
            raise TargetError(f"{name}: `tiers` must be a tuple of Tier, with INIT, not {named!r}")
        return tuple(tier for tier in Tier if tier in cast(tuple[Tier, ...], named))
    return tuple(tier for tier in Tier if tier is Tier.INIT or implemented(manager, tier))


def implemented(manager: Subject[object], tier: Tier) -> bool:
    ask(manager, On(tier, EnvId(0), Get(Key(0))))
    return not isinstance(getattr(manager, "error", None), NotImplementedError)


def require_profiles(name: str, profiles: object) -> None:
    if not isinstance(profiles, tuple) or not profiles or isinstance(profiles, Profile):
        raise TargetError(
            f"{name}: `profiles` must be a tuple, with one Profile at least, not {profiles!r}"
        )
    for profile in profiles:
        try:
            require_profile(profile)
        except SubjectError as error:
            raise TargetError(f"{name}: {error}") from error


def load(name: str) -> Callable[..., object]:
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute) or "/" in module or module.endswith(".py"):
        raise TargetError(f"{name}: a subject is named module:factory, as in an import")
    here = str(Path.cwd())
    if "" not in sys.path and here not in sys.path:
        sys.path.insert(0, here)
    try:
        factory: object = getattr(imported(module, attribute), attribute)
    except ImportError as error:
        raise TargetError(f"{name}: {unimported(error, here)}") from error
    except AttributeError as error:
        raise TargetError(f"{name}: {error}") from error
    except BaseException as error:
        if interrupted(error):
            raise
        raise TargetError(f"{name}: importing it raised {type(error).__name__}: {error}") from error
    if not callable(factory):
        raise TargetError(f"{name} is {factory!r}, which cannot be called to make a subject")
    return factory


def imported(module: str, attribute: str) -> ModuleType:
    journal = Journals.open
    if journal is not None:
        journal.write(Doing.IMPORTING)
    try:
        return import_module(apart(module, attribute, sys.path))
    finally:
        if journal is not None:
            journal.idle()


def unimported(error: ImportError, here: str) -> str:
    """Why a module could not be imported, in one line."""
    top = (error.name or "").partition(".")[0]
    theirs = found(top, [here, *sys.path]) if top in NAMES else None
    if theirs is not None:
        return (
            f"it imports a `{top}` of its own ({theirs.origin}), but here that name is kvref's: "
            f"rename yours, or have the module that makes the subject do without it ({error})"
        )
    if isinstance(error, ModuleNotFoundError):
        return f"no module named {error.name}"
    return f"importing it raised {type(error).__name__}: {error}"


def arguments(name: str, factory: Callable[..., object]) -> int:
    """How many positional arguments the factory takes."""
    places = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = signature(factory).parameters.values()
    except (TypeError, ValueError):
        return 3
    if any(one.kind is Parameter.VAR_POSITIONAL for one in parameters):
        return 3
    taken = sum(one.kind in places and one.default is Parameter.empty for one in parameters)
    if taken not in (3, 4):
        raise TargetError(
            f"{name} takes {taken} arguments; a pool is made from (profile, capacity, objects), "
            "a manager from (profile, config, envs, objects)"
        )
    return taken


def prove(name: str, build: Callable[[], object]) -> Subject[object]:
    """One subject, made to see that the factory makes subjects at all."""
    try:
        subject = made(None, build)
    except BaseException as error:
        if interrupted(error):
            raise
        raise TargetError(
            f"{name}: making a subject raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(subject, Subject):
        raise TargetError(
            f"{name} makes {type(subject).__name__} objects, which are no Subject: "
            "they lack perform(op) or reports"
        )
    told: object = subject.reports
    if not isinstance(told, frozenset) or not all(isinstance(one, Aspect) for one in told):
        raise TargetError(f"{name}: `reports` must be a frozenset of Aspect, not {told!r}")
    require_methods(name, subject, told)
    return subject


NEEDED: Final = {
    Aspect.INSPECTION: ("peek", "keys"),
    Aspect.COUNTERS: ("counters", "reset_counters"),
}


def require_methods(name: str, subject: object, reports: frozenset[Aspect]) -> None:
    """What is reported can be asked for."""
    base = next((one for one in (PoolSubject, ManagerSubject) if isinstance(subject, one)), None)
    if base is None:
        return
    for aspect, methods in NEEDED.items():
        missing = [one for one in methods if getattr(type(subject), one) is getattr(base, one)]
        if aspect in reports and missing:
            needs = " and ".join(f"{one}()" for one in missing)
            raise TargetError(f"{name} reports {aspect}, which needs {needs}: not written")


TENSORS: Final = {
    "windows": "WindowSubject",
    "batches": "BatchSubject",
    "keys": "KeySubject",
    "sessions": "SessionSubject",
}


def tensor_kind(subject: object) -> str | None:
    """Which of the kinds that need torch; nothing can be of one whose module was never loaded."""
    for module, name in TENSORS.items():
        loaded = sys.modules.get(f"stateful_models.subjects.{module}")
        base = getattr(loaded, name, None)
        if base is not None and isinstance(subject, type) and issubclass(subject, base):
            return module
    return None
