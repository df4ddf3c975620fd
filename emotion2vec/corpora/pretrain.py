"""The paper's pre-training set: the manifests of five corpora joined into one.

In: folder that holds a manifest folder for each corpus. Out: one manifest folder with the audio of all, without labels,
and the totals of Table 1 beside the found ones. Paper: Section 4.1 (262 hours; labels are not used).
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emotion2vec import __version__
from emotion2vec.corpora.card import CorpusCard, CorpusOption, Counts
from emotion2vec.corpora.registry import all_corpora
from emotion2vec.data.counts import Found, count_utterances
from emotion2vec.data.manifest import Manifest, read_card, read_manifest, write_manifest_folder
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError

PRETRAINING_CORPORA = ("iemocap", "meld", "cmu_mosei", "mead", "msp_podcast")

CARD = CorpusCard(
    name="pretrain",
    title="the five pre-training corpora",
    licence="that of each part",
    citation="Z. Ma et al.: emotion2vec: Self-Supervised Pre-Training for Speech Emotion Representation. "
    "Findings of ACL 2024, arXiv:2312.15185; and the papers of its parts",
    url="https://arxiv.org/abs/2312.15185",
    language="",
    labels=(),
    layout="a folder with the manifest folders " + ", ".join(PRETRAINING_CORPORA),
    paper=Counts(utterances=169053, hours=262.0),
    notes=(
        "The rows of Table 1 add up to 169,116 utterances, 63 more than its total: the total counts MEAD as released.",
        "Labels are left out; ids and speakers begin with the name of their corpus.",
        "IEMOCAP is both pre-trained and tested on, as in the paper.",
    ),
    access="prepare each part first",
    options=(
        CorpusOption(
            "corpora", "names of the manifest folders to join, between commas; default: the five"
        ),
    ),
)


@dataclass(frozen=True)
class Part:
    """One corpus of the joined set.

    Attributes:
        name: Name of its manifest folder.
        found: Counts of its manifest.
        paper: Counts that Table 1 prints.
    """

    name: str
    found: Found
    paper: Counts


@dataclass(frozen=True)
class Joined:
    """What was joined.

    Attributes:
        out: Manifest folder.
        parts: One for each corpus, in the order given.
        total: Counts of all together.
    """

    out: Path
    parts: tuple[Part, ...]
    total: Found


def join_corpora(root: Path, out: Path, *, corpora: Sequence[str] = PRETRAINING_CORPORA) -> Joined:
    """Write one manifest folder with the utterances of several.

    The joined `all.tsv` names the deepest folder that holds the audio of all parts.

    Args:
        root: Folder of the manifest folders.
        out: Manifest folder to write.
        corpora: Names of the manifest folders.

    Raises:
        CorpusError: A part has not been prepared, is named twice, or is the output.
        ManifestError: A part's manifest is malformed.
    """
    manifests = {name: _read_part(root, name, corpora) for name in _check_names(root, out, corpora)}
    base = Path(os.path.commonpath([manifest.root.resolve() for manifest in manifests.values()]))
    rows = [
        row for name, manifest in manifests.items() for row in _joined_rows(name, manifest, base)
    ]
    parts = tuple(
        Part(name, count_utterances(manifest.utterances), _paper_counts(name))
        for name, manifest in manifests.items()
    )
    total = count_utterances(rows)
    write_manifest_folder(out, root=base, utterances=rows, card=_contents(root, parts, total))
    return Joined(out, parts, total)


def joined_table(joined: Joined) -> list[tuple[str, ...]]:
    """Return a header, a row for each part and the total: found and Table 1's utterances and hours."""
    rows: list[tuple[str, ...]] = [("corpus", "utterances", "Table 1", "hours", "Table 1")]
    rows += [(part.name, *_cells(part.found, part.paper)) for part in joined.parts]
    is_whole = tuple(part.name for part in joined.parts) == PRETRAINING_CORPORA
    rows.append(("total", *_cells(joined.total, CARD.paper if is_whole else Counts())))
    return rows


def _cells(found: Found, paper: Counts) -> tuple[str, ...]:
    utterances = "-" if paper.utterances is None else str(paper.utterances)
    hours = "-" if paper.hours is None else f"{paper.hours:.1f}"
    return str(found.utterances), utterances, f"{found.seconds / 3600:.1f}", hours


def _check_names(root: Path, out: Path, corpora: Sequence[str]) -> Sequence[str]:
    if not corpora or len(set(corpora)) < len(corpora):
        raise CorpusError(f"corpora must be one or more different names, but are {list(corpora)}")
    if any((root / name).resolve() == Path(out).resolve() for name in corpora):
        raise CorpusError(f"--out {str(out)!r} is one of the parts; choose a folder of its own")
    return corpora


def _read_part(root: Path, name: str, corpora: Sequence[str]) -> Manifest:
    tsv = root / name / "all.tsv"
    if not tsv.is_file():
        have = [other for other in corpora if (root / other / "all.tsv").is_file()]
        raise CorpusError(
            f"no manifest {str(tsv)!r}: prepare {name} with --out {str(root / name)!r} first, or join only what you "
            f"have with --option corpora={','.join(have) or 'NAME,NAME'}"
        )
    return read_manifest(tsv)


def _joined_rows(name: str, manifest: Manifest, base: Path) -> list[Utterance]:
    """Return what pre-training needs of a part's rows: names that stay unique, paths below the common folder."""
    folder = manifest.root.resolve().relative_to(base)
    return [
        Utterance(
            id=f"{name}/{row.id}",
            path=(folder / row.path).as_posix(),
            num_samples=row.num_samples,
            speaker=f"{name}/{row.speaker}" if row.speaker else None,
            language=row.language,
            start_sample=row.start_sample,
            end_sample=row.end_sample,
        )
        for row in manifest.utterances
    ]


def _paper_counts(name: str) -> Counts:
    corpus = all_corpora().get(name)
    return corpus.card.paper if corpus else Counts()


def _contents(root: Path, parts: Sequence[Part], total: Found) -> dict[str, Any]:
    """Build `corpus.json`: the whole, and each part with its licence and counts."""
    cards = {part.name: read_card(root / part.name) for part in parts}
    return {
        **CARD.to_json(),
        "found": asdict(total),
        "seconds": total.seconds,
        "synthetic": any(card.get("synthetic", False) for card in cards.values()),
        "parts": {
            part.name: {
                "licence": cards[part.name].get("licence"),
                "citation": cards[part.name].get("citation"),
                "found": asdict(part.found),
                "expected": asdict(part.paper),
            }
            for part in parts
        },
        "preparer": f"emotion2vec {__version__}",
    }
