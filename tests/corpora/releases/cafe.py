"""CaFE: a fake release."""

from pathlib import Path

from tests.corpora.releases.files import Expected, link_files, write_files
from tests.helpers.wav import write_wav

LIST = "cafe.tsv"
_LABELS = {
    "c": "angry",
    "d": "disgust",
    "j": "happy",
    "n": "neutral",
    "p": "fear",
    "s": "surprise",
    "t": "sad",
}


def build_miniature(root: Path) -> int:
    """The 192 kHz copy, AIFF, in two parts; damaged accents; neutral without intensity."""
    names = [
        "CaFE_192k_1/Neutre/01-N-1",
        "CaFE_192k_1/Neutre/02-N-6",
        "CaFE_192k_1/Col\u0160re/Faible/01-C-1-1",
        "CaFE_192k_1/Colère/Fort/02-C-2-3",
        "CaFE_192k_1/D\u201ago\u2013t/Faible/06-D-1-2",
        "CaFE_192k_2/D\u00e9go\u00fbt/Fort/07-D-2-2",
        "CaFE_192k_2/Joie/Faible/08-J-1-4",
        "CaFE_192k_2/Peur/Fort/09-P-2-5",
        "CaFE_192k_2/Surprise/Faible/10-S-1-6",
        "CaFE_192k_2/Tristesse/Fort/12-T-2-1",
    ]
    for index, name in enumerate(names):
        write_wav(root / f"{name}.aiff", seconds=0.1, seed=index, sample_rate_hz=192000)
    more = ["CaFE_48k/Neutre/11-N-1-6.wav", "CaFE_48k/Tristesse/Fort/11-T-2-1.wav"]
    return len(names) + write_files(root, more, sample_rate_hz=48000)


def build_whole(root: Path, rows: list[dict[str, str]]) -> dict[str, Expected]:
    """All 936 files of the 48 kHz copy; the speaker is the name's first part."""
    link_files(root, [row["path"] for row in rows])
    return {
        row["path"]: Expected(
            _LABELS[row["label"]], speaker=row["path"].split("/")[-1].split("-")[0]
        )
        for row in rows
    }
