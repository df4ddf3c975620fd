"""CMU-MOSI (Zadeh et al., 2016): `Raw/Audio/WAV_16000/Segmented/<video>_<n>.wav`.

In: root of the release, table of the sentiment scores. Out: utterances for `prepare.py`. Paper: Table 1 and Table 7.
`Raw/Transcript/Segmented/<video>.annotprocessed` has a line `n_DELIM_text` for each segment.
"""

import math
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from emotion2vec.corpora.card import CorpusCard, CorpusOption, Counts
from emotion2vec.corpora.cmu import (
    CLASSES,
    find_below,
    official_splits,
    sentiment_label,
    seven_class_labels,
)
from emotion2vec.corpora.files import audio_files, find_folder
from emotion2vec.corpora.label_text import one_line, read_cells, read_lenient
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import label_set
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError

_AUDIO = (("Audio", "WAV_16000", "Segmented"), ("Audio", "Segmented"))
_TRANSCRIPTS = ("Transcript", "Segmented")
_OPINIONS, _MMSA = "OpinionLevelSentiment.csv", "label.csv"
_NAME = re.compile(r"(?P<video>.+)_(?P<number>\d+)")

CARD = CorpusCard(
    name="cmu_mosi",
    title="CMU-MOSI",
    licence="not stated for the data",
    citation="A. Zadeh, R. Zellers, E. Pincus, L.-P. Morency: Multimodal Sentiment Intensity Analysis in Videos: "
    "Facial Gestures and Verbal Messages. IEEE Intelligent Systems 31(6), 2016",
    url="https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK",
    access="The raw release (CMU_MOSI.zip) is no longer on the authors' server; ask them for it. Copies of it hold no "
    "scores: add OpinionLevelSentiment.csv of the authors or label.csv of the MMSA project.",
    language="en",
    labels=label_set("cmu_mosi"),
    option_labels=seven_class_labels("cmu_mosi"),
    layout="Raw/Audio/WAV_16000/Segmented/ with files such as 03bSnISJMiM_1.wav (Raw/ may be the root), and "
    f"{_MMSA} or Labels/{_OPINIONS} in the root or in Raw/, or --labels FILE",
    paper=Counts(utterances=2199, speakers=89, hours=2.6),
    release=Counts(),
    notes=(
        f"Scores: --labels FILE, or else Labels/{_OPINIONS} (start,end,video,segment,score without a header), or else "
        f"{_MMSA} (a header with video_id,clip_id,label), looked for in the root and in Raw/.",
        "Splits are the authors' 52, 10 and 31 videos, also where the table has a split of its own.",
        "Seven classes: the score rounded to the nearest whole number, a half to the even one.",
        "89 speakers in 93 videos, but not which: speakers are unknown, a session is a video.",
        "The whole videos (WAV_16000/Full) are not used.",
    ),
    options=(
        CLASSES,
        CorpusOption(
            "labels", f"table of the scores (--labels), laid out as {_OPINIONS} or {_MMSA}"
        ),
    ),
    ignored=("WAV_16000/Full/*", "Audio/Full/*", "Video/*/*", "Videos/*/*"),
)


@register_corpus(CARD)
def iter_utterances(
    root: Path, classes: str = "2", labels: Path | None = None
) -> Iterator[Utterance | LeftOut]:
    """Yield the segments of all videos.

    Args:
        root: Folder of the release.
        classes: See the card.
        labels: Table of the scores; None looks for it below the root.

    Raises:
        CorpusError: There is audio but no table of scores, or the table is malformed.
    """
    folder = next((below for names in _AUDIO if (below := find_below(root, *names))), None)
    if folder is None:
        return
    table = Path(labels) if labels is not None else _find_table(root)
    scores, texts, splits = _read_scores(table), _read_texts(root), official_splits("cmu_mosi")
    found = set()
    for path in audio_files(root, [folder]):
        if isinstance(path, LeftOut):
            yield path
            continue
        stem = Path(path).stem
        found.add(stem)
        match = _NAME.fullmatch(stem)
        if match is None:
            yield LeftOut(path, "name is not of the form 03bSnISJMiM_1")
        elif match["video"] not in splits:
            yield LeftOut(path, "its video is in none of the official folds")
        elif stem not in scores:
            yield LeftOut(path, f"no score in {table.name}")
        else:
            label = sentiment_label("cmu_mosi", scores[stem], classes=classes, source=str(table))
            yield Utterance(
                stem,
                path,
                0,
                label=label,
                session=match["video"],
                split=splits[match["video"]],
                language=CARD.language,
                score=scores[stem],
                text=texts.get(stem),
            )
    for stem in sorted(scores.keys() - found):
        missing = (folder / f"{stem}.wav").relative_to(root).as_posix()
        yield LeftOut(missing, f"missing: has a score in {table.name}")


def _find_table(root: Path) -> Path:
    bases = [base for base in (root, find_folder(root, "Raw")) if base is not None]
    official = [folder / _OPINIONS for base in bases if (folder := find_folder(base, "Labels"))]
    for path in [*official, *(base / _MMSA for base in bases)]:
        if path.is_file():
            return path
    raise CorpusError(
        f"no sentiment scores of cmu_mosi below {str(root)!r}: the release's audio holds none; get {_MMSA} (of the "
        f"MMSA project) or {_OPINIONS} (of the authors) and name it with --labels FILE"
    )


def _read_scores(table: Path) -> dict[str, float]:
    """Read either table: `<video>_<segment>` -> score."""
    if not table.is_file():
        raise CorpusError(f"no label table {str(table)!r}; expected {_MMSA} or {_OPINIONS}")
    rows = read_cells(table)
    first = next(rows, ("", []))
    columns, has_header = _columns(table, first[1])
    scores: dict[str, float] = {}
    for where, row in rows if has_header else chain([first], rows):
        name, score = _parse_row(where, row, columns)
        if scores.setdefault(name, score) != score:
            raise CorpusError(f"{where}: segment {name} has a second, different score")
    return scores


def _columns(table: Path, header: list[str]) -> tuple[tuple[int, int, int], bool]:
    """Return where video, segment and score stand, and whether the first row is a header."""
    names = ("video_id", "clip_id", "label")
    if set(names) <= set(header):
        video, segment, score = (header.index(name) for name in names)
        return (video, segment, score), True
    if len(header) == 5 and _number(header[4]) is not None:
        return (2, 3, 4), False
    raise CorpusError(
        f"{table}:1: expected a header with {','.join(names)}, or rows of start,end,video,segment,score, but found "
        f"{','.join(header)[:80]!r}"
    )


def _parse_row(where: str, row: list[str], columns: tuple[int, int, int]) -> tuple[str, float]:
    if len(row) <= max(columns):
        raise CorpusError(
            f"{where}: expected at least {max(columns) + 1} columns, found {len(row)}"
        )
    video, segment, text = (row[column] for column in columns)
    score = _number(text)
    if score is None or abs(score) > 3:
        raise CorpusError(f"{where}: the score must be a number from -3 to 3, but is {text!r}")
    return f"{video}_{segment}", score


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _read_texts(root: Path) -> dict[str, str | None]:
    """Read the transcripts: `<video>_<segment>` -> text; empty without them."""
    folder = find_below(root, *_TRANSCRIPTS)
    texts = {}
    for path in sorted(folder.glob("[!.]*.annotprocessed")) if folder else []:
        for line in read_lenient(path).split("\n"):
            number, delimiter, text = line.partition("_DELIM_")
            if delimiter:
                texts[f"{path.stem}_{number.strip()}"] = one_line(text)
    return texts
