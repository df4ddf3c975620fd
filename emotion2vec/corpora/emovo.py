"""EMOVO (Costantini et al., 2014): `<speaker>/<emotion>-<speaker>-<sentence>.wav`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1 and Table 4.
`dis-f1-b1`: disgusto, first woman, sentence b1. Speakers f1 f2 f3 (female), m1 m2 m3 (male).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.files import audio_files
from emotion2vec.corpora.places import candidate_folders
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import CODES, decode_label, label_set
from emotion2vec.data.utterance import Utterance

_SPEAKERS = ("f1", "f2", "f3", "m1", "m2", "m3")
_AROUND = ("EMOVO", "Dataset")
_GENDERS = {"f": "female", "m": "male"}
_NAME = re.compile(
    rf"(?P<emotion>[a-z]{{3}})-(?P<speaker>{'|'.join(_SPEAKERS)})-(?P<sentence>[a-z0-9]+)"
)

CARD = CorpusCard(
    name="emovo",
    title="EMOVO",
    licence="not stated; copies are offered for research",
    citation="G. Costantini, I. Iaderola, A. Paoloni, M. Todisco: EMOVO Corpus: an Italian Emotional Speech "
    "Database. LREC 2014",
    url="http://voice.fub.it/activities/corpora/emovo/index.html",
    access="Open download of EMOVO.zip; copies are on Google Drive and DagsHub.",
    language="it",
    labels=label_set("emovo"),
    layout="f1/ f2/ f3/ m1/ m2/ m3/ (or below EMOVO/) with files such as f1/dis-f1-b1.wav",
    paper=Counts(utterances=588, speakers=10, hours=0.5),
    release=Counts(utterances=588, speakers=6),
    channel="0",
    notes=(
        "48 kHz stereo: needs --audio-out unless it was converted before.",
        "The two channels are two microphones, which partly cancel when averaged: the first is taken; --channel "
        "takes another.",
        "The paper counts 10 speakers; the release holds 6 (3 female, 3 male).",
        "Every speaker says the same 14 sentences in all 7 emotions: random folds share them between training and "
        "test.",
        "Some copies write names in capitals or with spaces: the id is always as in dis-f1-b1.",
    ),
)


@register_corpus(CARD)
def iter_utterances(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of the six speakers."""
    folders = candidate_folders(root, around=_AROUND, inside=_SPEAKERS)
    for path in audio_files(root, folders):
        yield path if isinstance(path, LeftOut) else _parse(path)


def _parse(path: str) -> Utterance | LeftOut:
    # "Dis - F1 - B1" and "dis_f1_b1" are copies' spellings of dis-f1-b1
    name = re.sub(r"[\s_-]+", "-", Path(path).stem.strip().lower())
    match = _NAME.fullmatch(name)
    if match is None:
        return LeftOut(path, "name is not of the form dis-f1-b1")
    emotion, speaker = match["emotion"], match["speaker"]
    folder = Path(path).parent.name.lower()
    if folder in _SPEAKERS and folder != speaker:
        return LeftOut(path, "folder and file name disagree about the speaker")
    if emotion not in CODES["emovo"]:
        return LeftOut(path, f"emotion {emotion!r} is not one of {sorted(CODES['emovo'])}")
    return Utterance(
        name,
        path,
        0,
        label=decode_label("emovo", emotion, source=path),
        speaker=speaker,
        gender=_GENDERS[speaker[0]],
        language=CARD.language,
        sentence=match["sentence"],
    )
