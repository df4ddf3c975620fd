"""CMU-MOSEI: a fake release. Names, times and scores are real ones of the label table, the words are invented."""

from pathlib import Path

from tests.helpers.wav import write_wav

AUDIO = "Raw/Audio/Full/WAV_16000"
TRANSCRIPTS = "Raw/Transcript/Segmented/Combined"

# video -> seconds of audio, lines of its transcript
_VIDEOS: dict[str, tuple[float, list[str]]] = {
    # positive, train; a segment without a score; text with the separator in it; an end after the file
    "266366": (
        2.0,
        [
            "0___0.0___0.902___Some words.",
            "1___0.9___1.9___Words___and more.",
            "2___1.5___2.3___Too long.",
        ],
    ),
    # negative and neutral, test; a blank line, Windows line ends
    "46495": (1.0, ["0___0.0___0.662___Other words.\r", "\r"]),
    "180971": (1.0, ["3___0.00000___0.5720001___\tTab and  spaces. "]),
    # neutral, valid; the number is not that of the label table, times have fewer digits
    "_aZDaIfGfPo": (18.0, ["7___17.5___17.88___Short."]),
    # no score, in no fold; a start before the video, underscores in the name
    "a__b_": (
        1.0,
        ["10___-0.3___0.5___First.", "2___0.4___0.9___No text follows", "3___0.5___1.0"],
    ),
}


def build_miniature(root: Path) -> int:
    """Five videos; a transcript and an audio file alone; lines that are no segment."""
    for index, (video, (seconds, lines)) in enumerate(_VIDEOS.items()):
        suffix = "flac" if video == "46495" else "wav"
        write_wav(root / AUDIO / f"{video}.{suffix}", seconds=seconds, seed=index)
        write_transcript(root, video, lines)
    write_wav(root / AUDIO / "alone.wav", seconds=0.1, seed=9)
    write_transcript(root, "text_only", ["0___0.0___0.5___Nobody hears this."])
    no_segments = ["0___0.0", "1___x___0.5___Word.", "2___0.5___0.51___Too short."]
    write_transcript(root, "a__b_", [*_VIDEOS["a__b_"][1], *no_segments])
    return sum(len([line for line in lines if line.strip()]) for _, lines in _VIDEOS.values())


def write_transcript(root: Path, video: str, lines: list[str]) -> None:
    """Write the segments of a video in the release's format."""
    path = root / TRANSCRIPTS / f"{video}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{video}___{line}" if line.strip() else line for line in lines]
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8", newline="")
