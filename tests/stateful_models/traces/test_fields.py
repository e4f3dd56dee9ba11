"""The table of fields lists exactly the fields of both formats."""

from pathlib import Path
from typing import Final, get_args

from msgspec import Struct

from stateful_models import traces
from stateful_models.traces.format import (
    AnyRecord,
    LeftRecord,
    OwnHeader,
    PoolShape,
    Tally,
    UpstreamHeader,
)

TABLE: Final = Path(traces.__file__).with_name("README.md")


def test_every_field_is_in_the_table() -> None:
    structs: tuple[type[Struct], ...] = (
        PoolShape,
        UpstreamHeader,
        OwnHeader,
        LeftRecord,
        Tally,
        *get_args(AnyRecord),
    )
    due = [(one.__name__, name) for one in structs for name in one.__struct_fields__]
    rows = [row.split(" | ") for row in TABLE.read_text().splitlines() if row.startswith("| ")]
    assert [(row[0].removeprefix("| "), row[1]) for row in rows[2:]] == due
    assert all(row[2].removesuffix(" |") for row in rows[2:])
