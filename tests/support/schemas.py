"""Write the JSON Schemas of `--json` anew: `python -m tests.support.schemas`."""

from stateful_models.reports.data import DOCUMENTS, SCHEMAS, name_of, schema

if __name__ == "__main__":
    SCHEMAS.mkdir(exist_ok=True)
    for kind in DOCUMENTS:
        (SCHEMAS / f"{name_of(kind)}.json").write_text(schema(kind))
