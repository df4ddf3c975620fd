"""The catalogue of docs/corpora.md, written from the cards.

In: cards of the registry, label table of `data/labels.py`, counts that were found. Out: Markdown. `make docs` puts it
between the markers of the page; a test compares them.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.pretrain import CARD as PRETRAIN_CARD
from emotion2vec.corpora.registry import all_corpora, corpora_table
from emotion2vec.data.labels import CODES, label_set, paper_labels
from emotion2vec.errors import CorpusError
from emotion2vec.files import write_text

BEGIN = (
    "<!-- catalogue: written by `make docs` from the cards in emotion2vec/corpora; do not edit -->"
)
END = "<!-- end of the catalogue -->"


def update_page(page: Path, found: Path) -> None:
    """Replace the catalogue in a page.

    Args:
        page: Markdown file with both markers.
        found: JSON file: corpus -> utterances, speakers, hours, source.

    Raises:
        CorpusError: The page lacks a marker.
    """
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise CorpusError(f"{page}: expected the lines {BEGIN!r} and {END!r}")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    counts = json.loads(found.read_text(encoding="utf-8"))
    write_text(page, f"{before}{BEGIN}\n\n{catalogue(counts)}\n{END}{after}")


def catalogue(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the overview, the label table and a section for each corpus, as Markdown."""
    cards = [corpus.card for corpus in all_corpora().values()] + [PRETRAIN_CARD]
    sections = [_section(card, found.get(card.name, {})) for card in cards]
    return "\n\n".join([_overview(), _labels(), *sections]) + "\n"


def _overview() -> str:
    rows = corpora_table()
    return "### All corpora\n\n" + _table(rows[0], rows[1:])


def _labels() -> str:
    rows = []
    for name in sorted(CODES):
        use = paper_labels(name)
        renamed = ", ".join(f"{old} as {new}" for old, new in use.renamed.items())
        is_all = set(use.labels) == set(label_set(name))
        kept = "all" if is_all else ", ".join(use.labels) or "none: pre-training only"
        codes = ", ".join(f"`{code}` {label}" for code, label in CODES[name].items())
        rows.append((name, codes, f"{kept}; {renamed}" if renamed else kept))
    return "### Labels\n\n" + _table(("corpus", "codes of the release", "used by the paper"), rows)


def _section(card: CorpusCard, found: Mapping[str, Any]) -> str:
    lines = [f"### {card.name}: {card.title}", ""]
    facts = {
        "How to obtain": " ".join(part for part in (card.access, card.url) if part),
        "Licence": card.licence,
        "Cite": card.citation,
        "Layout expected": card.layout,
        "Labels": ", ".join(card.labels),
        "Channel taken of several": card.channel if card.channel != "mean" else "",
    }
    lines += [f"- **{what}**: {text}" for what, text in facts.items() if text]
    for option in card.options:
        choices = f" ({'|'.join(option.choices)})" if option.choices else ""
        lines.append(f"- **Option `{option.name}`**{choices}: {option.help}")
    lines += [f"- {note}" for note in card.notes]
    if card.paper != Counts() or card.release != Counts():
        lines += ["", _counts(card, found)]
    return "\n".join(lines)


def _counts(card: CorpusCard, found: Mapping[str, Any]) -> str:
    rows = [
        (what, *(_cell(value) for value in (paper, release, found.get(what))))
        for what, paper, release in (
            ("utterances", card.paper.utterances, card.release.utterances),
            ("speakers", card.paper.speakers, card.release.speakers),
            ("hours", card.paper.hours, card.release.hours),
        )
    ]
    source = found.get("source")
    return _table(("", "paper", "release", f"found ({source})" if source else "found"), rows)


def _cell(value: float | None) -> str:
    return "-" if value is None else str(value)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') or ' ' for cell in row)} |"
        for row in lines
    )
