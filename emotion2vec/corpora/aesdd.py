"""AESDD (Vryzas et al., 2018): `anger/ disgust/ fear/ happiness/ sadness/` with `xAA (B).wav`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1 and Table 4.
x is the emotion's first letter, AA the utterance, B the speaker: `f10 (01).wav` is fear, utterance 10, speaker 1.
A letter after the bracket is a second take.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.files import audio_files, find_folder
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import CODES, decode_label, label_set
from emotion2vec.data.utterance import Utterance

_NAME = re.compile(
    r"(?P<emotion>[adfhs])(?P<sentence>\d\d) ?\(0*(?P<speaker>\d+)\) ?(?P<take>[a-z]?)",
    re.IGNORECASE,
)

CARD = CorpusCard(
    name="aesdd",
    title="AESDD",
    licence="not stated by its authors",
    citation="N. Vryzas, R. Kotsakis, A. Liatsou, C. A. Dimoulas, G. Kalliris: Speech Emotion Recognition for "
    "Performance Interaction. Journal of the Audio Engineering Society 66(6), 2018",
    url="http://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/",
    access="Free download, linked from its page.",
    language="el",
    labels=label_set("aesdd"),
    layout="anger/ disgust/ fear/ happiness/ sadness/ with files such as 'anger/a01 (1).wav'",
    paper=Counts(utterances=604, speakers=5, hours=0.7),
    release=Counts(utterances=604, speakers=6, hours=0.69),
    notes=(
        "The paper counts 5 speakers, those of version 1.0; a sixth was added, as the file names tell.",
        "The release has 605 files; 'sadness/s05 (3).wav' has no audio in it and is reported as unreadable.",
        "Five names write speaker 1 as 01, and nine files have a letter for the take after the bracket; "
        "a file without one is take a.",
        "Ids have no blanks: 'f18 (5)b.wav' is f18_5b.",
        "Each actor's and emotion's set holds one improvised utterance; the release does not say which number.",
        "44.1 kHz: needs --audio-out unless it was converted before.",
    ),
)


@register_corpus(CARD)
def iter_utterances(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of the five folders."""
    for emotion in CODES["aesdd"]:
        folder = find_folder(root, emotion)
        for path in audio_files(root, [folder] if folder else []):
            yield path if isinstance(path, LeftOut) else _parse(path, emotion)


def _parse(path: str, emotion: str) -> Utterance | LeftOut:
    match = _NAME.fullmatch(Path(path).stem)
    if match is None:
        return LeftOut(path, "name is not of the form 'a01 (1)'")
    letter, take = match["emotion"].lower(), match["take"].lower()
    if letter != emotion[0]:
        return LeftOut(path, "folder and file name disagree about the emotion")
    return Utterance(
        f"{letter}{match['sentence']}_{match['speaker']}{take}",
        path,
        0,
        label=decode_label("aesdd", emotion, source=path),
        speaker=match["speaker"],
        language=CARD.language,
        sentence=match["sentence"],
        take=take or "a",
    )
