"""Utterances of synthetic stand-ins: as many as each corpus of the paper has, with ids that fit the stored folds.

In: fold files of `config/probe/folds`. Out: `Utterance`s for `standins.py`. Where an id tells label and speaker (most
acted corpora) they are the corpus' own; ids of corpora whose own partition is used are made up and say so. IEMOCAP's
labels are drawn along its dialogues, so that an emotion can be predicted from what was heard before. Paper: Table 1.
"""

import functools
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emotion2vec.corpora.dialogue import Spoken, number_turns
from emotion2vec.data.labels import CODES
from emotion2vec.data.utterance import Utterance
from emotion2vec.probe.fold_file import read_fold_file
from emotion2vec.seeding import derive_rng

ROOT = Path(__file__).resolve().parents[1]
CONFIG_DIR = ROOT / "config" / "probe"

# what an id tells: speaker, and code of the emotion
_ID_FORMS = {
    "aesdd": re.compile(r"(?P<emotion>[adfhs])\d\d_(?P<speaker>\d+)[a-z]?"),
    "cafe": re.compile(r"(?P<speaker>\d\d)-(?P<emotion>[A-Z])-\d-\d"),
    "emodb": re.compile(r"(?P<speaker>\d\d)[ab]\d\d(?P<emotion>[A-Z])[a-z]"),
    "emovo": re.compile(r"(?P<emotion>[a-z]{3})-(?P<speaker>[fm]\d)-\w+"),
    "ravdess_song": re.compile(r"03-02-(?P<emotion>\d\d)(-\d\d){3}-(?P<speaker>\d\d)"),
    "ravdess_speech": re.compile(r"03-01-(?P<emotion>\d\d)(-\d\d){3}-(?P<speaker>\d\d)"),
    "resd": re.compile(r"(?P<session>\d+)_[a-z]+_[a-z]+_(?P<emotion>[a-z])_\d+"),
    "savee": re.compile(r"(?P<speaker>[A-Z]{2})_(?P<emotion>[a-z]{1,2})\d\d"),
    "shemo": re.compile(r"(?P<speaker>[FM]\d\d)(?P<emotion>[A-Z])\d+"),
    "subesco": re.compile(r"(?P<speaker>[FM]_\d\d)_[A-Z]+_S_\d+_(?P<emotion>[A-Z]+)_\d+"),
    "urdu": re.compile(r"(?P<speaker>S[MF]\d+)_F\d+_(?P<emotion>[A-Z])\d+"),
}
_FOLD_FILES = {
    "aesdd": "aesdd_10fold",
    "cafe": "cafe_10fold",
    "emodb": "emodb_10fold",
    "ravdess_song": "ravdess_song_5fold",
    "ravdess_speech": "ravdess_speech_10fold",
    "resd": "resd",
    "savee": "savee_10fold",
    "shemo": "shemo_10fold",
    "subesco": "subesco_10fold",
    "urdu": "urdu_10fold",
}
_IEMOCAP_ID = re.compile(r"(?P<dialogue>Ses0(?P<session>[1-5])\w+)_(?P<gender>[FM])(?P<number>\w+)")
# share of each label, about as in the releases
_IEMOCAP_SHARES = {"angry": 0.20, "happy": 0.30, "neutral": 0.31, "sad": 0.19}


@dataclass(frozen=True)
class Partitioned:
    """A corpus whose own train, validation and test parts are used; ids are made up.

    Attributes:
        sizes: Utterances of train, valid and test.
        shares: Share of each label.
        num_speakers: Speakers of each part; 0 leaves them unknown.
        speakers_are_shared: They are the same in all parts.
        per_session: Utterances of a dialogue or video.
    """

    sizes: tuple[int, int, int]
    shares: dict[str, float]
    num_speakers: int
    speakers_are_shared: bool
    per_session: int


_SENTIMENT = {"negative": 0.28, "neutral": 0.21, "positive": 0.51}
_SEVEN = ("neutral", "happy", "angry", "surprise", "sad", "disgust", "fear")
_PARTITIONED = {
    "meld": Partitioned(
        (9988, 1108, 2610),
        dict(zip(_SEVEN, (0.47, 0.17, 0.12, 0.12, 0.07, 0.03, 0.02), strict=True)),
        num_speakers=40, speakers_are_shared=True, per_session=10,
    ),
    "m3ed": Partitioned(
        (17420, 2819, 4198),
        dict(zip(_SEVEN, (0.41, 0.09, 0.22, 0.04, 0.16, 0.06, 0.02), strict=True)),
        num_speakers=200, speakers_are_shared=False, per_session=25,
    ),
    "cmu_mosi": Partitioned((1284, 229, 686), _SENTIMENT, 0, speakers_are_shared=False, per_session=24),
    "cmu_mosei": Partitioned((16327, 1871, 4662), _SENTIMENT, 0, speakers_are_shared=False, per_session=7),
}  # fmt: skip


def corpus_names() -> tuple[str, ...]:
    """Return the corpora that the paper's tables evaluate, by alphabet."""
    return tuple(sorted({*_FOLD_FILES, *_PARTITIONED, "emovo", "iemocap"}))


@functools.cache
def standin_utterances(corpus: str, *, scale: float = 1.0) -> tuple[Utterance, ...]:
    """Make the utterances of one corpus; a pure function of its arguments.

    Args:
        corpus: One of `corpus_names`.
        scale: Share of the utterances, in (0, 1]; the stored folds fit the whole only.
    """
    if corpus == "iemocap":
        utterances = _iemocap()
    elif corpus in _PARTITIONED:
        utterances = _partitioned(corpus, _PARTITIONED[corpus])
    else:
        utterances = [_of_id(corpus, name) for name in _known_ids(corpus)]
        if corpus == "resd":
            utterances = _with_resd_splits(utterances)
    return tuple(_thinned(utterances, scale))


def corpus_ids(fold_file: str) -> list[str]:
    """Return every id of a fold file, by alphabet."""
    folds = read_fold_file(CONFIG_DIR / "folds" / f"{fold_file}.json").folds
    return sorted({name for fold in folds for name in (*fold.train, *fold.valid, *fold.test)})


def _known_ids(corpus: str) -> list[str]:
    if corpus == "emovo":  # its protocols make their folds by rule
        codes, speakers = ("dis", "gio", "neu", "pau", "rab", "sor", "tri"), "f1 f2 f3 m1 m2 m3"
        sentences = [f"s{number}" for number in range(1, 15)]
        return [f"{c}-{p}-{s}" for p in speakers.split() for c in codes for s in sentences]
    return corpus_ids(_FOLD_FILES[corpus])


def _of_id(corpus: str, name: str) -> Utterance:
    match = _ID_FORMS[corpus].fullmatch(name)
    assert match is not None, f"{corpus}: {name}"
    parts = match.groupdict()
    # AESDD's ids have the first letter of its folders' names
    shorten = slice(1) if corpus == "aesdd" else slice(None)
    labels = {code[shorten]: label for code, label in CODES[corpus].items()}
    return Utterance(
        name,
        f"{name}.wav",
        16000,
        label=labels[parts["emotion"]],
        speaker=parts.get("speaker"),
        session=parts.get("session"),
    )


def _with_resd_splits(utterances: Sequence[Utterance]) -> list[Utterance]:
    (fold,) = read_fold_file(CONFIG_DIR / "folds" / "resd.json").folds
    tested = set(fold.test)
    return [replace(row, split="test" if row.id in tested else "train") for row in utterances]


def _partitioned(corpus: str, facts: Partitioned) -> list[Utterance]:
    rng = derive_rng("stand-in", corpus)
    rows = []
    for number, (split, size) in enumerate(
        zip(("train", "valid", "test"), facts.sizes, strict=True)
    ):
        labels = _draw(rng, facts.shares, size)
        for index in range(size):
            session = f"{split}_{index // facts.per_session:04d}"
            name = f"standin_{corpus}_{session}_{index % facts.per_session:02d}"
            speaker = None
            if facts.num_speakers:
                # two speakers take turns in a session
                place = 2 * (index // facts.per_session) + index % 2
                own = 0 if facts.speakers_are_shared else 1000 * number
                speaker = f"speaker_{own + place % facts.num_speakers:04d}"
            rows.append(
                Utterance(name, f"{name}.wav", 16000, labels[index], speaker, session, split)
            )
    return rows


def _draw(rng: np.random.Generator, shares: dict[str, float], size: int) -> list[str]:
    """Draw labels, each at least once where there is room."""
    names = list(shares)
    weights = np.array(list(shares.values()))
    drawn = rng.choice(len(names), size, p=weights / weights.sum())
    drawn[: len(names)] = np.arange(len(names))[:size]
    return [names[index] for index in rng.permutation(drawn)]


def _iemocap() -> list[Utterance]:
    """Take the ids of the stored folds; both speakers of a dialogue speak in turn, in the order of their numbers."""
    dialogues: dict[str, list[re.Match[str]]] = defaultdict(list)
    for name in corpus_ids("iemocap_5fold"):
        match = _IEMOCAP_ID.fullmatch(name)
        assert match is not None, name
        dialogues[match["dialogue"]].append(match)
    rows = []
    for dialogue, matches in dialogues.items():
        matches.sort(key=lambda match: (_digits(match["number"]), match["gender"]))
        rows += _dialogue(dialogue, matches)
    return sorted(rows, key=lambda row: row.id)


def _digits(text: str) -> int:
    return int(re.sub(r"\D", "", text) or 0)


def _dialogue(dialogue: str, matches: Sequence[re.Match[str]]) -> list[Utterance]:
    """Number the turns and draw the labels: mostly the speaker's last one, sometimes the partner's or a new one."""
    rng = derive_rng("stand-in", "iemocap", dialogue)
    names, shares = list(_IEMOCAP_SHARES), np.array(list(_IEMOCAP_SHARES.values()))
    places = number_turns(
        Spoken(match[0], 4.0 * order, match["gender"]) for order, match in enumerate(matches)
    )
    last: dict[str, str] = {}
    rows = []
    for match in matches:
        speaker, place = match["gender"], places[match[0]]
        fresh = names[rng.choice(len(names), p=shares)]
        partner = last.get("M" if speaker == "F" else "F", fresh)
        kept = last.get(speaker, fresh)
        last[speaker] = (kept, partner, fresh)[rng.choice(3, p=(0.65, 0.1, 0.25))]
        rows.append(
            Utterance(
                match[0],
                f"{match[0]}.wav",
                16000,
                last[speaker],
                speaker=f"0{match['session']}{speaker}",
                session=f"Session{match['session']}",
                dialogue=dialogue,
                order=place.order,
                turn=place.turn,
                start_s=4.0 * place.order,
            )
        )
    return rows


def _thinned(utterances: Sequence[Utterance], scale: float) -> Sequence[Utterance]:
    """Keep a share of the utterances, evenly over the list (dialogues as a whole)."""
    if scale == 1:
        return utterances
    key: Callable[[Utterance], str] = lambda row: row.dialogue or row.id  # noqa: E731
    groups = list(dict.fromkeys(key(row) for row in utterances))
    count = max(1, round(scale * len(groups)))
    kept = {groups[int(position)] for position in np.linspace(0, len(groups) - 1, count)}
    return [row for row in utterances if key(row) in kept]
