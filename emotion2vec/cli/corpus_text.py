"""What `prepare_corpus.py` prints: all corpora, one card, counts beside the release's and the paper's, a dry run.

In: cards, `Prepared`, `DryRun`. Out: lines of text.
"""

import shutil
import sys
import textwrap
from collections.abc import Sequence

from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.dry_run import CopiesToMake, DryRun
from emotion2vec.corpora.pretrain import CARD as PRETRAIN_CARD
from emotion2vec.corpora.registry import corpora_table, get_corpus
from emotion2vec.corpora.space import size_in_words
from emotion2vec.data.counts import Found

_WIDTH = 100
_NAMES_SHOWN = 5


def list_lines() -> list[str]:
    """Return a row for each corpus; on a terminal each is cut to its width."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    rows = [_cut(row, width) for row in table_lines(corpora_table())]
    return [
        *rows,
        "utterances, speakers: of the complete release; paper: utterances in Table 1 of the paper",
        f"pretrain: joins the manifests of {PRETRAIN_CARD.title}; NAME --list shows one corpus in full",
    ]


def card_lines(name: str) -> list[str]:
    """Return all that is known of one corpus.

    Raises:
        CorpusError: There is none of this name.
    """
    card = PRETRAIN_CARD if name == PRETRAIN_CARD.name else get_corpus(name).card
    facts = {
        "obtain": card.access,
        "url": card.url,
        "licence": card.licence,
        "cite": card.citation,
        "language": card.language,
        "layout": card.layout,
        "labels": ", ".join(card.labels),
        "with an option": ", ".join(card.option_labels),
        "channel": "" if card.channel == "mean" else f"{card.channel} of several (--channel)",
    }
    lines = [f"{card.name}: {card.title}", ""]
    lines += [line for what, text in facts.items() if text for line in _fact(what, text)]
    for option in card.options:
        choices = f"={'|'.join(option.choices)}" if option.choices else ""
        lines += _fact("option", f"{option.name}{choices}: {option.help}")
    lines += [line for note in card.notes for line in _fact("note", note)]
    if card.paper != Counts() or card.release != Counts():
        columns = {"release": _counts(card.release), "paper": _counts(card.paper)}
        lines += ["", *_counts_lines(columns)]
    return lines


def counts_lines(found: Found, card: CorpusCard) -> list[str]:
    """Return a small table: found, complete release, Table 1 of the paper; nothing for the user's own files."""
    if card.paper == Counts() and card.release == Counts():
        return []
    mine = (str(found.utterances), str(found.speakers or "-"), f"{found.seconds / 3600:.2f}")
    columns = {"found": mine, "release": _counts(card.release), "paper": _counts(card.paper)}
    return _counts_lines(columns)


def dry_run_lines(run: DryRun) -> list[str]:
    """Return what preparing would do; the last line sums it up."""
    found, num_files = run.found, sum(run.formats.values())
    formats = ", ".join(f"{number} of {what}" for what, number in run.formats.items())
    segments = f"; {run.num_segments} utterances are segments of them" if run.num_segments else ""
    lines = [f"files: {num_files}: {formats or 'none can be read'}{segments}"]
    if run.unreadable:
        shown = ", ".join(str(error) for error in run.unreadable[:_NAMES_SHOWN])
        lines.append(f"cannot be read: {len(run.unreadable)} files, e.g. {shown}")
    if run.num_left_out or run.num_other_audio:
        text = f"left out: {run.num_left_out} files; other audio below the root: {run.num_other_audio} files"
        lines.append(f"{text} (named above)")
    lines += _copies_lines(run.copies)
    lines += counts_lines(found, run.card)
    return [
        *lines,
        f"{run.name}: would write {summary(found)}; nothing was written (lengths from the headers)",
    ]


def summary(found: Found) -> str:
    """Return utterances, hours, speakers and labels on one line."""
    labels = ", ".join(f"{label} {number}" for label, number in found.label_counts.items())
    return (
        f"{found.utterances} utterances, {found.seconds / 3600:.2f} h, {found.speakers} speakers, "
        f"{labels or 'no labels'}"
    )


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _copies_lines(copies: CopiesToMake | None) -> list[str]:
    if copies is None:
        return ["copies: none are needed, the manifest points at the release"]
    name = copies.audio_format.upper()
    lines = [
        f"copies: {copies.num_to_write} {name} files at 16 kHz mono, channel {copies.channel}; "
        f"{copies.num_there} are there already",
        f"room: about {size_in_words(copies.num_bytes)} "
        f"(assumed: {name} takes {copies.size_ratio:g} of 16-bit samples)",
    ]
    if copies.folder is None or copies.free_bytes is None:
        return [*lines, "--audio-out DIR is needed for them"]
    fits = "" if copies.num_bytes <= copies.free_bytes else ": NOT ENOUGH"
    return [
        *lines,
        f"free: {size_in_words(copies.free_bytes)} on the disk of {copies.folder}{fits}",
    ]


def _counts(counts: Counts) -> tuple[str, str, str]:
    values = (counts.utterances, counts.speakers, counts.hours)
    return tuple("-" if value is None else str(value) for value in values)  # type: ignore[return-value]


def _counts_lines(columns: dict[str, tuple[str, str, str]]) -> list[str]:
    header = f"{'':<10}" + "".join(f"{name:>10}" for name in columns)
    rows = [
        f"{what:<10}" + "".join(f"{column[index]:>10}" for column in columns.values())
        for index, what in enumerate(("utterances", "speakers", "hours"))
    ]
    return [header, *rows]


def _fact(what: str, text: str) -> list[str]:
    lines = textwrap.wrap(text, _WIDTH - 16, break_long_words=False, break_on_hyphens=False)
    return [f"{what if index == 0 else '':<16}{line}" for index, line in enumerate(lines)]


def _cut(line: str, width: int | None) -> str:
    return line if width is None or len(line) <= width else f"{line[: width - 3]}..."
