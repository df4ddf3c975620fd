"""EmoDB (Burkhardt et al., 2005): `wav/SSTTTEv.wav`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1 and Table 4.
SS speaker, TTT text, E emotion (first letter of the German word), v version: 03a01Fa is speaker 03, text a01, Freude,
the first version.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.files import audio_files, find_folder
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import decode_label, label_set
from emotion2vec.data.utterance import Utterance

# of the ten actors, by the database's own description
_MALE = ("03", "10", "11", "12", "15")
_FEMALE = ("08", "09", "13", "14", "16")
_GENDERS = {**dict.fromkeys(_MALE, "male"), **dict.fromkeys(_FEMALE, "female")}
_NAME = re.compile(r"(?P<speaker>\d\d)(?P<text>[ab]\d\d)(?P<emotion>[WLEAFTN])(?P<version>[a-z])")

CARD = CorpusCard(
    name="emodb",
    title="EmoDB",
    licence="none stated; offered for download, use is to be cited",
    citation="F. Burkhardt, A. Paeschke, M. Rolfes, W. Sendlmeier, B. Weiss: "
    "A Database of German Emotional Speech. Interspeech 2005",
    url="http://emodb.bilderbar.info",
    language="de",
    labels=label_set("emodb"),
    layout="wav/ with files such as wav/03a01Fa.wav (or the files directly)",
    access="Free download from its site, without a form.",
    paper=Counts(utterances=535, speakers=10, hours=0.4),
    release=Counts(utterances=535, speakers=10, hours=0.41),
    notes=(
        "Ten actors speak the same ten sentences; takes of one sentence differ in their last letter.",
        "Each actor speaks each sentence in each emotion at most three times; most combinations are there once.",
        "Random folds share sentences and speakers between training and test.",
        "The edition for audformat states the licence CC0-1.0; it is prepared with `audformat`.",
    ),
)


@register_corpus(CARD)
def iter_utterances(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of `wav/`, or of the root where there is no such folder."""
    for path in audio_files(root, [find_folder(root, "wav") or root]):
        yield path if isinstance(path, LeftOut) else _parse(path)


def _parse(path: str) -> Utterance | LeftOut:
    stem = Path(path).stem
    match = _NAME.fullmatch(stem)
    if match is None:
        return LeftOut(path, "name is not of the form 03a01Fa")
    label = decode_label("emodb", match["emotion"], source=path)
    return Utterance(
        stem,
        path,
        0,
        label=label,
        speaker=match["speaker"],
        gender=_GENDERS.get(match["speaker"]),
        language=CARD.language,
        sentence=match["text"],
        take=match["version"],
    )
