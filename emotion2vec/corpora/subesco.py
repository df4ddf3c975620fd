"""SUBESCO (Sultana et al., 2021): one folder of `<F|M>_NN_<NAME>_S_<sentence>_<EMOTION>_<take>.wav`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1, Table 4 and Figure 4.
`F_02_MONIKA_S_1_NEUTRAL_5`: second woman, Monika, sentence 1, neutral, take 5.
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

_GENDERS = {"F": "female", "M": "male"}
# the release has one name with a stray bracket: F_02_MONIKA_S_2_SURPRISE_3].wav
_NAME = re.compile(
    r"(?P<speaker>(?P<gender>[FM])_\d\d)_[A-Z]+_S_(?P<sentence>\d+)_(?P<emotion>[A-Z]+)_(?P<take>\d+)\]?"
)

CARD = CorpusCard(
    name="subesco",
    title="SUBESCO",
    licence="CC BY 4.0",
    citation="S. Sultana, M. S. Rahman, M. R. Selim, M. Z. Iqbal: SUST Bangla Emotional Speech Corpus (SUBESCO): "
    "An audio-only emotional speech corpus for Bangla. PLoS ONE 16(4): e0250173, 2021",
    url="https://zenodo.org/record/4526477",
    access="Open download from Zenodo.",
    language="bn",
    labels=label_set("subesco"),
    layout="one folder (or SUBESCO/) with files such as F_01_OISHI_S_10_ANGRY_1.wav",
    paper=Counts(utterances=7000, speakers=20, hours=7.8),
    release=Counts(utterances=7000, speakers=20, hours=7.83),
    notes=(
        "44.1 and 48 kHz mixed: needs --audio-out unless it was converted before.",
        "One file of the release is named F_02_MONIKA_S_2_SURPRISE_3].wav: it is taken as take 3, its id has no "
        "bracket.",
        "Every speaker says the same 10 sentences in all 7 emotions, 5 times each: random folds share sentences and "
        "takes between training and test.",
    ),
)


@register_corpus(CARD)
def iter_utterances(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of the folder."""
    for path in audio_files(root, candidate_folders(root, around=["SUBESCO"])):
        yield path if isinstance(path, LeftOut) else _parse(path)


def _parse(path: str) -> Utterance | LeftOut:
    stem = Path(path).stem
    match = _NAME.fullmatch(stem)
    if match is None:
        return LeftOut(path, "name is not of the form F_01_OISHI_S_10_ANGRY_1")
    emotion = match["emotion"]
    if emotion not in CODES["subesco"]:
        return LeftOut(path, f"emotion {emotion!r} is not one of {sorted(CODES['subesco'])}")
    return Utterance(
        stem.removesuffix("]"),
        path,
        0,
        label=decode_label("subesco", emotion, source=path),
        speaker=match["speaker"],
        gender=_GENDERS[match["gender"]],
        language=CARD.language,
        sentence=match["sentence"],
        take=match["take"],
    )
