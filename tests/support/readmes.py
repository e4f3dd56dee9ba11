"""The READMEs, block by block."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.support.paths import ROOT

FENCE: Final = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<kind>\w*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
INLINE: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK: Final = re.compile(r"\]\(([^)#\s]+)(?:#([^)\s]*))?\)")


class Block(NamedTuple):
    """A block of code: the mark before it (`ci: ...`, `file: ...`, `run, status N`), and the plain
    block that follows it, if one does."""

    readme: Path
    number: int
    mark: str
    kind: str
    code: str
    output: str

    @property
    def name(self) -> str:
        return f"{self.readme.relative_to(ROOT)}-{self.number}"

    @property
    def file(self) -> str | None:
        return self.mark.removeprefix("file: ") if self.mark.startswith("file: ") else None


def readmes() -> list[Path]:
    found = [*ROOT.glob("*.md"), *(ROOT / ".github").glob("*.md")]
    for package in ("spec", "kvref", "stateful_models", "tests"):
        found += (ROOT / package).rglob("*.md")
    return sorted(found)


def blocks(readme: Path) -> Iterator[Block]:
    text = readme.read_text()
    found = list(FENCE.finditer(text))
    for number, one in enumerate(found):
        after = found[number + 1] if number + 1 < len(found) else None
        follows = (
            after is not None and not after["kind"] and not text[one.end() : after.start()].strip()
        )
        output = after["code"] if after is not None and follows else ""
        yield Block(readme, number, one["mark"] or "", one["kind"], one["code"], output)


def every_block() -> list[Block]:
    return [block for readme in readmes() for block in blocks(readme)]


def prose(readme: Path) -> str:
    return FENCE.sub("", readme.read_text())
