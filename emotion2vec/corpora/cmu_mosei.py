"""CMU-MOSEI (Zadeh et al., 2018): segments of `Raw/Audio/Full/WAV_16000/<video>.wav`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1 and Table 7.
`Raw/Transcript/Segmented/Combined/<video>.txt` has a line `video___index___start___end___text` for each segment, in
seconds. All are utterances; about half of them have a sentiment score, which `facts/` holds.
"""

import csv
import gzip
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emotion2vec.corpora.card import CorpusCard, CorpusOption, Counts
from emotion2vec.corpora.cmu import (
    CLASSES,
    FACTS,
    find_below,
    official_splits,
    sentiment_label,
    seven_class_labels,
)
from emotion2vec.corpora.files import audio_files
from emotion2vec.corpora.label_text import one_line, read_lenient
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import label_set
from emotion2vec.data.utterance import Utterance
from emotion2vec.errors import CorpusError
from emotion2vec.structs import MIN_SAMPLES, SAMPLE_RATE_HZ

_AUDIO = ("Audio", "Full", "WAV_16000")
_TRANSCRIPTS = ("Transcript", "Segmented", "Combined")
_SEPARATOR = "___"
_FORM = "video___index___start___end___text"
# copies round the times to a different number of digits; no two segments of a video are as close
_TOLERANCE_S = 0.05

CARD = CorpusCard(
    name="cmu_mosei",
    title="CMU-MOSEI",
    licence="not stated for the data",
    citation="A. Zadeh, P. P. Liang, S. Poria, E. Cambria, L.-P. Morency: Multimodal Language Analysis in the Wild: "
    "CMU-MOSEI Dataset and Interpretable Dynamic Fusion Graph. ACL 2018",
    url="https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK",
    access="The raw release (CMU_MOSEI.zip) is no longer on the authors' server; ask them for it.",
    language="en",
    labels=label_set("cmu_mosei"),
    option_labels=seven_class_labels("cmu_mosei"),
    layout="Raw/Audio/Full/WAV_16000/ with files such as --qXJuDtHPw.wav, and Raw/Transcript/Segmented/Combined/ with "
    "--qXJuDtHPw.txt (Raw/ may be the root)",
    paper=Counts(utterances=44977, speakers=1000, hours=91.9),
    release=Counts(),
    notes=(
        "Every segment of the transcripts is an utterance, as in the paper's pre-training. 23,259 of them have a "
        "sentiment score; --option labelled_only=true takes only these, for the evaluation.",
        "Scores and official folds come with this package. Scores are whole numbers from -3 to 3, rounded away from "
        "zero, so their sign is that of the exact score.",
        "A score belongs to the segment with the same start and end (within 50 ms): the number of a segment in the "
        "label file is not its number in the transcript.",
        "Splits are by video. 68 videos with 399 labelled segments, and the videos without any label, are in none of "
        "the official folds: they are in all.tsv only.",
        "Over 200 segments start up to half a second before their video: they start at 0.",
        "Neighbouring segments overlap by up to a second.",
        "Speakers are not known by name; a session is a video.",
    ),
    options=(
        CLASSES,
        CorpusOption(
            "labelled_only",
            "true: leave out segments without a score; default false",
            ("false", "true"),
            {"true": Counts(utterances=23259)},
        ),
    ),
    ignored=("Videos/*/Combined/*", "Segmented_Audio/*/*"),
)


@dataclass(frozen=True)
class _Score:
    start_s: float
    end_s: float
    value: int


@dataclass(frozen=True)
class _Segment:
    index: str
    start_s: float
    end_s: float
    text: str

    @property
    def samples(self) -> tuple[int, int]:
        """First sample and the one after the last, at 16 kHz."""
        start_s = max(0.0, self.start_s)
        return round(start_s * SAMPLE_RATE_HZ), round(self.end_s * SAMPLE_RATE_HZ)

    def distance_s(self, score: _Score) -> float:
        """Return by how much the ends differ at most; a start before the video counts as 0."""
        start_s = abs(max(0.0, self.start_s) - max(0.0, score.start_s))
        return max(start_s, abs(self.end_s - score.end_s))


@dataclass(frozen=True)
class _Video:
    name: str
    audio: str
    transcript: str
    split: str | None
    scores: tuple[_Score, ...]


@register_corpus(CARD)
def iter_utterances(
    root: Path, classes: str = "2", labelled_only: str = "false"
) -> Iterator[Utterance | LeftOut]:
    """Yield the segments of all videos.

    Args:
        root: Folder of the release.
        classes: See the card.
        labelled_only: See the card.

    Raises:
        CorpusError: Only one of audio and transcripts is there.
    """
    audio_folder, text_folder = find_below(root, *_AUDIO), find_below(root, *_TRANSCRIPTS)
    if audio_folder is None and text_folder is None:
        return
    if audio_folder is None or text_folder is None:
        raise _half(root, _AUDIO if audio_folder is None else _TRANSCRIPTS)
    found = list(audio_files(root, [audio_folder]))
    yield from (path for path in found if isinstance(path, LeftOut))
    audio = {Path(path).stem: path for path in found if isinstance(path, str)}
    scores, splits = _read_scores(), official_splits("cmu_mosei")
    transcripts = {path.stem: path for path in sorted(text_folder.glob("[!.]*.txt"))}
    for name, path in transcripts.items():
        relative = path.relative_to(root).as_posix()
        if name not in audio:
            yield LeftOut(relative, "there is no audio for this transcript")
            continue
        video = _Video(name, audio[name], relative, splits.get(name), scores.get(name, ()))
        yield from _segments(video, path, classes, labelled_only=labelled_only == "true")
    for name in sorted(audio.keys() - transcripts.keys()):
        yield LeftOut(audio[name], "there is no transcript for this audio")
    for name in sorted(scores.keys() - transcripts.keys() - audio.keys()):
        missing = audio_folder.relative_to(root) / f"{name}.wav"
        yield LeftOut(missing.as_posix(), "missing: a video of the corpus with labelled segments")


def _half(root: Path, missing: tuple[str, ...]) -> CorpusError:
    have, lack = ("transcripts", "audio") if missing == _AUDIO else ("audio", "transcripts")
    return CorpusError(
        f"half of cmu_mosei lies below {str(root)!r}: {have}, but no {lack}; expected the folder "
        f"Raw/{'/'.join(missing)} beside it"
    )


def _read_scores() -> dict[str, tuple[_Score, ...]]:
    """Read the scores of all labelled segments: video -> scores."""
    scores: dict[str, list[_Score]] = defaultdict(list)
    with gzip.open(FACTS / "cmu_mosei_labels.tsv.gz", "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            score = _Score(float(row["start"]), float(row["end"]), int(row["score"]))
            scores[row["video"]].append(score)
    return {video: tuple(rows) for video, rows in scores.items()}


def _segments(
    video: _Video, transcript: Path, classes: str, *, labelled_only: bool
) -> Iterator[Utterance | LeftOut]:
    """Yield the segments of one transcript, and the scores that fit none of them."""
    remaining, seen = list(video.scores), set[str]()
    for number, line in enumerate(read_lenient(transcript).split("\n"), 1):
        where = f"{video.transcript}:{number}"
        segment = _parse_line(video.name, line)
        if segment is None:
            if line.strip():
                yield LeftOut(where, f"line is not of the form {_FORM}")
            continue
        score = _take_score(segment, remaining)
        reason = _reason_against(segment, seen)
        if reason is None and score is None and labelled_only:
            reason = "segment has no score (option labelled_only)"
        seen.add(segment.index)
        yield LeftOut(where, reason) if reason else _utterance(video, segment, score, classes)
    for score in remaining:
        place = f"{video.transcript}: {score.start_s:g} to {score.end_s:g} s"
        yield LeftOut(place, "labelled segment that is not in the transcript")


def _parse_line(video: str, line: str) -> _Segment | None:
    """Read a line of a transcript; None when it is malformed."""
    # a video's own name may hold or end with underscores
    prefix = video + _SEPARATOR
    cells = line.removeprefix(prefix).split(_SEPARATOR, 3) if line.startswith(prefix) else []
    try:
        index, start_s, end_s = cells[0].strip(), float(cells[1]), float(cells[2])
    except (IndexError, ValueError):
        return None
    is_usable = index and math.isfinite(start_s) and math.isfinite(end_s)
    return _Segment(index, start_s, end_s, "".join(cells[3:])) if is_usable else None


def _take_score(segment: _Segment, remaining: list[_Score]) -> _Score | None:
    """Remove the score of this segment from the remaining ones and return it."""
    nearest = min(remaining, key=segment.distance_s, default=None)
    if nearest is None or segment.distance_s(nearest) > _TOLERANCE_S:
        return None
    remaining.remove(nearest)
    return nearest


def _reason_against(segment: _Segment, seen: set[str]) -> str | None:
    start_sample, end_sample = segment.samples
    if end_sample - start_sample < MIN_SAMPLES:
        return "segment is shorter than 25 ms, or ends before it starts"
    if segment.index in seen:
        return "second segment of this number in its transcript"
    return None


def _utterance(video: _Video, segment: _Segment, score: _Score | None, classes: str) -> Utterance:
    start_sample, end_sample = segment.samples
    label = None
    if score is not None:
        label = sentiment_label("cmu_mosei", score.value, classes=classes, source=video.transcript)
    return Utterance(
        f"{video.name}_{segment.index}",
        video.audio,
        0,
        label=label,
        session=video.name,
        split=video.split,
        language=CARD.language,
        start_sample=start_sample,
        end_sample=end_sample,
        score=None if score is None else float(score.value),
        text=one_line(segment.text),
    )
