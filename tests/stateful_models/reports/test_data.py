"""Documents of `--json`: what was written by an earlier version is read by this one."""

import json
from pathlib import Path

import msgspec
import pytest

from stateful_models.reports.data import (
    DOCUMENTS,
    FORM,
    SCHEMAS,
    CheckData,
    CheckDocument,
    decoded,
    encoded,
    name_of,
    schema,
    written,
)

OLD = sorted(Path(__file__).parent.glob("v*/*.json"))
EMPTY = CheckDocument(FORM, written(), CheckData("kvref", True, True, []))


def test_every_command_has_a_document_of_every_form() -> None:
    assert {path.stem for path in OLD} == {name_of(kind) for kind in DOCUMENTS}
    assert {path.parent.name for path in OLD} == {f"v{form}" for form in range(1, FORM + 1)}


@pytest.mark.parametrize("path", OLD, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_old_documents_stay_readable(path: Path) -> None:
    """As they were written: files of the past are never changed, whatever the code does."""
    document = decoded(path.read_bytes())
    assert name_of(type(document)) == path.stem
    assert f"v{document.version}" == path.parent.name
    assert document.kvref
    told = json.loads(path.read_text())
    again = json.loads(encoded(document))
    assert kept(told, again)


def kept(old: object, new: object) -> bool:
    """All that was said is said still; there may be more fields."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(name in new and kept(value, new[name]) for name, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(kept, old, new))
    return old == new


@pytest.mark.parametrize("kind", DOCUMENTS, ids=lambda kind: name_of(kind))
def test_schemas_are_current(kind: type[CheckDocument]) -> None:
    """python -m tests.support.schemas"""
    assert (SCHEMAS / f"{name_of(kind)}.json").read_text() == schema(kind)


def test_a_document_says_who_wrote_it() -> None:
    assert decoded(encoded(EMPTY)) == EMPTY
    assert json.loads(encoded(EMPTY))["kvref"] == written()


@pytest.mark.parametrize(
    "change", [{"version": 99}, {"version": 0}, {"command": "guess"}, {"more": 1}]
)
def test_what_is_no_document_is_refused(change: dict[str, object]) -> None:
    told = json.dumps({**json.loads(encoded(EMPTY)), **change})
    with pytest.raises(msgspec.MsgspecError):
        decoded(told)
