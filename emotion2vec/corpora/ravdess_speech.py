"""RAVDESS speech (Livingstone and Russo, 2018): `Actor_NN/03-01-EE-II-SS-RR-AA.wav`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1 and Table 3. `ravdess.py` reads the names.
"""

from collections.abc import Iterator
from pathlib import Path

from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.ravdess import CITATION, LICENCE, RELEASE_FOLDERS, URL, ravdess_utterances
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import label_set
from emotion2vec.data.utterance import Utterance

_NAME = "ravdess_speech"
_FOLDER = RELEASE_FOLDERS[_NAME]

CARD = CorpusCard(
    name=_NAME,
    title="RAVDESS speech",
    licence=LICENCE,
    citation=CITATION,
    url=URL,
    access=f"Open download from Zenodo ({_FOLDER}.zip).",
    language="en",
    labels=label_set(_NAME),
    layout=f"{_FOLDER}/Actor_01/ ... (or Actor_01/ ... directly) with files such as "
    "Actor_01/03-01-05-01-01-01-01.wav",
    paper=Counts(utterances=1440, speakers=24, hours=1.5),
    release=Counts(utterances=1440, speakers=24, hours=1.48),
    notes=(
        "48 kHz, a few files stereo: needs --audio-out unless it was converted before.",
        "neutral has no strong intensity, so it is half as frequent as each other emotion.",
        "Every actor says the same two sentences: random folds share them between training and test.",
        f"Some copies hold every file twice, below Actor_NN/ and below {_FOLDER}/Actor_NN/: only the latter is read.",
        "Song files (channel 02) are another corpus and are left out.",
    ),
    ignored=(
        "Actor_[0-9][0-9]/03-01-*",
        f"{RELEASE_FOLDERS['ravdess_song']}/*/*",
        "Actor_[0-9][0-9]/0[12]-0[12]-*.mp4",
    ),
)


@register_corpus(CARD)
def iter_utterances(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the speech utterances of all actors."""
    yield from ravdess_utterances(root, _NAME)
