"""SAVEE (Haq and Jackson, 2010): `AudioData/<DC|JE|JK|KL>/<code><nn>.wav`, or flat `<speaker>_<code><nn>.wav`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1 and Table 3.
The code is the emotion, of one or two letters (`s` alone is none: `sa` is sad, `su` surprise), nn the sentence.
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

_SPEAKERS = ("DC", "JE", "JK", "KL")
_AROUND = ("SAVEE", "AudioData", "ALL")
_NAME = re.compile(
    rf"(?:(?P<speaker>{'|'.join(_SPEAKERS)})_?)?(?P<emotion>[a-z]{{1,2}})(?P<number>\d\d)",
    re.IGNORECASE,
)

CARD = CorpusCard(
    name="savee",
    title="SAVEE",
    licence="no licence file; free of charge for research only (registration form)",
    citation="S. Haq, P. J. B. Jackson: Multimodal Emotion Recognition. In: W. Wang (ed.), Machine Audition: "
    "Principles, Algorithms and Systems. IGI Global, 2010",
    url="http://kahlan.eps.surrey.ac.uk/savee/",
    access="Register with the University of Surrey to get the link (AudioData.zip); mirrored on Kaggle as ALL/.",
    language="en",
    labels=label_set("savee"),
    layout="AudioData/DC/ JE/ JK/ KL/ with files such as AudioData/DC/sa01.wav (or the four folders directly), "
    "or one folder (or ALL/) with files such as DC_sa01.wav",
    paper=Counts(utterances=480, speakers=4, hours=0.5),
    release=Counts(utterances=480, speakers=4, hours=0.51),
    notes=(
        "44.1 kHz: needs --audio-out unless it was converted before.",
        "Four speakers, all male.",
        "neutral is twice as frequent as each other emotion: 30 sentences, the others have 15.",
        "Of the 15 sentences of an emotion 3 are common to all and 2 are spoken as neutral too; which they are is not "
        "in the names, so the sentence column holds emotion and number (a01) and the same words have several codes.",
    ),
)


@register_corpus(CARD)
def iter_utterances(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of the four speakers."""
    folders = candidate_folders(root, around=_AROUND, inside=_SPEAKERS)
    for path in audio_files(root, folders):
        yield path if isinstance(path, LeftOut) else _parse(path)


def _parse(path: str) -> Utterance | LeftOut:
    match = _NAME.fullmatch(Path(path).stem)
    if match is None:
        return LeftOut(path, "name is not of the form sa01 or DC_sa01")
    folder = Path(path).parent.name.upper()
    in_folder = folder if folder in _SPEAKERS else None
    in_name = match["speaker"].upper() if match["speaker"] else None
    speaker = in_name or in_folder
    if speaker is None:
        return LeftOut(path, "neither its folder nor its name says the speaker (DC, JE, JK or KL)")
    if in_folder not in (None, speaker):
        return LeftOut(path, "folder and file name disagree about the speaker")
    emotion = match["emotion"].lower()
    if emotion not in CODES["savee"]:
        return LeftOut(path, f"emotion {emotion!r} is not one of {sorted(CODES['savee'])}")
    sentence = emotion + match["number"]
    return Utterance(
        f"{speaker}_{sentence}",
        path,
        0,
        label=decode_label("savee", emotion, source=path),
        speaker=speaker,
        gender="male",
        language=CARD.language,
        sentence=sentence,
    )
