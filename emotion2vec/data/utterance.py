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
        gender: Speaker's: female or male.
        dialogue: Conversation that the utterance is part of, unique within the corpus.
        order: Place of the utterance in its dialogue, from 0, by start time.
        turn: Turn of its dialogue, from 0; utterances of one speaker in a row make one turn.
        start_s: Start within the dialogue's recording in seconds.
        sentence: Code of the sentence that is read or acted; the same words have the same code.
        take: Repetition of the sentence by the same speaker in the same emotion.
        intensity: Strength of the acted emotion, in the corpus' own words.
        score: Sentiment from -3 to 3.
        text: What is said, on one line.
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
    gender: str | None = None
    dialogue: str | None = None
    order: int | None = None
    turn: int | None = None
    start_s: float | None = None
    sentence: str | None = None
    take: str | None = None
    intensity: str | None = None
    score: float | None = None
    text: str | None = None
