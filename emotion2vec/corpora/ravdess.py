"""RAVDESS (Livingstone and Russo, 2018), what its speech and its song have in common: `MM-CC-EE-II-SS-RR-AA.wav`.

In: root of the release, which of the two corpora. Out: utterances for `ravdess_speech.py` and `ravdess_song.py`.
MM modality (03 audio), CC channel (01 speech, 02 song), EE emotion, II intensity, SS statement, RR repetition,
AA actor (odd: male).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from emotion2vec.corpora.files import audio_files, find_folder
from emotion2vec.corpora.places import sub_folders
from emotion2vec.corpora.registry import LeftOut
from emotion2vec.data.labels import CODES, decode_label
from emotion2vec.data.utterance import Utterance

LICENCE = "CC BY-NC-SA 4.0"
CITATION = (
    "S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS). "
    "PLoS ONE 13(5): e0196391, 2018"
)
URL = "https://zenodo.org/records/1188976"
RELEASE_FOLDERS = {
    "ravdess_speech": "Audio_Speech_Actors_01-24",
    "ravdess_song": "Audio_Song_Actors_01-24",
}

_CHANNELS = {"01": "ravdess_speech", "02": "ravdess_song"}
_KINDS = {"01": "speech", "02": "song"}
_INTENSITIES = {"01": "normal", "02": "strong"}
_NAME = re.compile(
    r"(?P<modality>\d\d)-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])"
    r"-(?P<statement>\d\d)-(?P<repetition>\d\d)-(?P<actor>\d\d)"
)


def ravdess_utterances(root: Path, corpus: str) -> Iterator[Utterance | LeftOut]:
    """Yield the utterances of all actors.

    Args:
        root: Folder of the release, or one around it (some copies have a folder `audio/`).
        corpus: `ravdess_speech` or `ravdess_song`.
    """
    folders = [folder for base in _bases(root, corpus) for folder in _actors(base)]
    for path in audio_files(root, folders):
        yield path if isinstance(path, LeftOut) else _parse(path, corpus)


def _bases(root: Path, corpus: str) -> list[Path]:
    """Return the folders of the actors' folders: the release's own, else any that hold actors."""
    places = [root, *sub_folders(root)]
    own = [found for place in places if (found := find_folder(place, RELEASE_FOLDERS[corpus]))]
    if own:
        return own
    return [root] if _actors(root) else [place for place in places if _actors(place)]


def _actors(base: Path) -> list[Path]:
    return [path for path in sub_folders(base) if re.fullmatch(r"(?i)actor_\d\d", path.name)]


def _parse(path: str, corpus: str) -> Utterance | LeftOut:
    stem = Path(path).stem
    match = _NAME.fullmatch(stem)
    if match is None:
        return LeftOut(path, "name is not of the form 03-01-05-01-01-01-01")
    channel, emotion, actor = match["channel"], match["emotion"], match["actor"]
    if _CHANNELS[channel] != corpus:
        wanted = next(_KINDS[code] for code, name in _CHANNELS.items() if name == corpus)
        return LeftOut(path, f"{_KINDS[channel]} (channel {channel}), not {wanted}")
    if match["modality"] != "03":
        return LeftOut(path, "video or audio-video (modality 01 or 02), not audio only")
    if actor != Path(path).parent.name[-2:]:
        return LeftOut(path, "folder and file name disagree about the actor")
    if emotion not in CODES[corpus]:
        return LeftOut(path, f"emotion {emotion} is not one of {corpus}'s")
    return Utterance(
        stem,
        path,
        0,
        label=decode_label(corpus, emotion, source=path),
        speaker=actor,
        gender="male" if int(actor) % 2 else "female",
        language="en",
        sentence=match["statement"],
        take=match["repetition"],
        intensity=_INTENSITIES[match["intensity"]],
    )
