"""ShEMO (Mohamad Nezami et al., 2019): `female/` and `male/` with `<F|M>SSEnn.wav`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1 and Table 4.
F01A02 is female speaker 01, anger, the second utterance; F02F01 is fear: the letter before the last digits counts.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.files import audio_files, find_folder
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import decode_label, label_set
from emotion2vec.data.utterance import Utterance

_GENDERS = {"F": "female", "M": "male"}
_NAME = re.compile(r"(?P<speaker>(?P<gender>[FM])\d\d)(?P<emotion>[AFHNSW])\d{2,3}")

CARD = CorpusCard(
    name="shemo",
    title="ShEMO",
    licence='its authors: "available for academic purposes free of charge"; their copy on Hugging Face: Apache-2.0',
    citation="O. Mohamad Nezami, P. Jamshid Lou, M. Karami: ShEMO: a large-scale validated database for Persian "
    "speech emotion detection. Language Resources and Evaluation 53, 2019, doi:10.1007/s10579-018-9427-x",
    url="https://github.com/pariajm/sharif-emotional-speech-dataset",
    access="Free download: two archives, female.zip and male.zip, linked from its GitHub page.",
    language="fa",
    labels=label_set("shemo"),
    layout="female/ and male/ with files such as female/F01A01.wav (or all files in one folder)",
    paper=Counts(utterances=3000, speakers=87, hours=3.4),
    release=Counts(utterances=3000, speakers=87, hours=3.42),
    notes=(
        "Fear is rare: 1 % of the utterances.",
        "Names may be in lower case in copies; the id is the name in upper case.",
        "Labels are those of the audio files' names. shemo.json is not read: 162 recordings have no transcript of "
        "their name (collections that match them by name hold 2838), and many transcripts belong to another "
        "recording, as its revision ShEMO-Modification found.",
        "Radio plays at 44.1 kHz: needs --audio-out unless it was converted before.",
    ),
)


@register_corpus(CARD)
def iter_utterances(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of the two folders and of the root itself."""
    folders = [find_folder(root, gender) for gender in _GENDERS.values()]
    for path in audio_files(root, [root, *(folder for folder in folders if folder)]):
        yield path if isinstance(path, LeftOut) else _parse(path)


def _parse(path: str) -> Utterance | LeftOut:
    name = Path(path).stem.upper()
    match = _NAME.fullmatch(name)
    if match is None:
        return LeftOut(path, "name is not of the form F01A01")
    gender, folder = _GENDERS[match["gender"]], Path(path).parent.name.lower()
    if folder not in ("", gender):
        return LeftOut(path, "folder and file name disagree about the speaker's gender")
    return Utterance(
        name,
        path,
        0,
        label=decode_label("shemo", match["emotion"], source=path),
        speaker=match["speaker"],
        gender=gender,
        language=CARD.language,
    )
