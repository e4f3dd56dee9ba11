"""Finding the subject that a user names as `module:factory`. Importing it runs their code."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

from spec.profile import Profile
from spec.sizing import Config
from stateful_models.check import KVREF, Target
from stateful_models.manager_scope import ManagerFactory
from stateful_models.manager_subject import ManagerSubject
from stateful_models.pool_scope import PoolFactory
from stateful_models.subject import Subject


class TargetError(Exception):
    """The named subject cannot be used; one line says why."""


def find_target(name: str | None) -> Target:
    if name is None:
        return KVREF
    factory = load(name)
    manages = isinstance(factory, type) and issubclass(factory, ManagerSubject)
    profiles = getattr(factory, "profiles", KVREF.profiles)
    if not all(isinstance(profile, Profile) for profile in profiles) or not profiles:
        raise TargetError(f"{name}: `profiles` must be a tuple of spec.profile.Profile")
    if manages:
        prove(name, lambda: factory(profiles[0], Config(1, 1, 1), 1, 1))
        return Target(name, None, cast(ManagerFactory, factory), tuple(profiles))
    prove(name, lambda: factory(profiles[0], 1, 1))
    return Target(name, cast(PoolFactory, factory), None, tuple(profiles))


def load(name: str) -> Callable[..., object]:
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise TargetError(f"{name}: a subject is named module:factory")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        factory: object = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise TargetError(f"{name}: no module named {error.name}") from error
    except AttributeError as error:
        raise TargetError(f"{name}: {error}") from error
    except Exception as error:
        raise TargetError(f"{name}: importing it raised {type(error).__name__}: {error}") from error
    if not callable(factory):
        raise TargetError(f"{name} is {factory!r}, which cannot be called to make a subject")
    return factory


def prove(name: str, build: Callable[[], object]) -> None:
    """That the factory makes subjects at all."""
    try:
        subject = build()
    except Exception as error:
        raise TargetError(
            f"{name}: making a subject raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(subject, Subject):
        raise TargetError(
            f"{name} makes {type(subject).__name__} objects, which are no Subject: "
            "they lack perform(op) or reports"
        )
