"""RAVDESS speech (Livingstone and Russo, 2018): `Actor_NN/MM-CC-EE-II-SS-RR-AA.wav`.

In: root of the release. Out: utterances for `prepare.py`. Paper: Table 1 and Table 3.
MM modality (03 audio), CC channel (01 speech, 02 song), EE emotion, II intensity, SS statement, RR repetition,
AA actor (odd: male).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from emotion2vec.corpora.card import CorpusCard, Counts
from emotion2vec.corpora.files import audio_files, find_folder
from emotion2vec.corpora.registry import LeftOut, register_corpus
from emotion2vec.data.labels import decode_label, label_set
from emotion2vec.data.utterance import Utterance

_RELEASE_FOLDER = "Audio_Speech_Actors_01-24"
_NAME = re.compile(
    r"(?P<modality>\d\d)-(?P<channel>\d\d)-(?P<emotion>0[1-8])-\d\d-\d\d-\d\d-(?P<actor>\d\d)"
)

CARD = CorpusCard(
    name="ravdess_speech",
    title="RAVDESS speech",
    licence="CC BY-NC-SA 4.0",
    citation="S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song "
    "(RAVDESS). PLoS ONE 13(5): e0196391, 2018",
    url="https://zenodo.org/records/1188976",
    language="en",
    labels=label_set("ravdess_speech"),
    layout=f"{_RELEASE_FOLDER}/Actor_01/ ... (or Actor_01/ ... directly) with files such as "
    "Actor_01/03-01-05-01-01-01-01.wav",
    paper=Counts(utterances=1440, speakers=24, hours=1.5),
    release=Counts(utterances=1440, speakers=24, hours=1.48),
    notes=(
        "48 kHz, a few files stereo: needs --audio-out unless it was converted before.",
        "neutral has no strong intensity, so it is half as frequent as each other emotion.",
        "Some copies hold every file twice, below Actor_NN/ and below "
        f"{_RELEASE_FOLDER}/Actor_NN/: only the latter is read.",
        "Song files (channel 02) are another corpus and are left out.",
    ),
)


@register_corpus(CARD)
def iter_utterances(root: Path) -> Iterator[Utterance | LeftOut]:
    """Yield the speech utterances of all actors."""
    parent = find_folder(root, _RELEASE_FOLDER) or root
    actors = [path for path in parent.iterdir() if re.fullmatch(r"(?i)actor_\d\d", path.name)]
    folders = sorted(path for path in actors if path.is_dir())
    for path in audio_files(root, folders):
        yield path if isinstance(path, LeftOut) else _parse(path)


def _parse(path: str) -> Utterance | LeftOut:
    stem = Path(path).stem
    match = _NAME.fullmatch(stem)
    if match is None:
        return LeftOut(path, "name is not of the form 03-01-05-01-01-01-01")
    if match["channel"] != "01":
        return LeftOut(path, "song (channel 02), not speech")
    if match["modality"] != "03":
        return LeftOut(path, "video or audio-video (modality 01 or 02), not audio only")
    if match["actor"] != Path(path).parent.name[-2:]:
        return LeftOut(path, "folder and file name disagree about the actor")
    label = decode_label("ravdess_speech", match["emotion"], source=path)
    return Utterance(stem, path, 0, label=label, speaker=match["actor"], language=CARD.language)
