"""One utterance: what a corpus yields and a manifest stores.

In: fields parsed by `corpora/`. Out: rows of `manifest.py`, items of `dataset.py`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Utterance:
    """One stretch of speech with whatever is known about it; None is unknown.

    Attributes:
        id: Unique name within the corpus.
        path: Audio file relative to the manifest's root, with `/` as separator.
        num_samples: Length at 16 kHz (of the segment, where there is one).
        label: Emotion, lower-case English.
        speaker: Speaker's name, unique within the corpus.
        session: Recording session or dialogue.
        split: The corpus' own partition: train, valid or test.
        language: Language code, e.g. `de`.
        start_sample: First sample of a segment of a longer file, at 16 kHz.
        end_sample: Sample after the segment's last, at 16 kHz.
    """

    id: str
    path: str
    num_samples: int
    label: str | None = None
    speaker: str | None = None
    session: str | None = None
    split: str | None = None
    language: str | None = None
    start_sample: int | None = None
    end_sample: int | None = None
