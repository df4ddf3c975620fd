"""Who speaks and how each emotion sounds: the distributions from which the synthetic corpus is drawn.

Out: `SPEAKERS`, `EMOTIONS` and `draw_delivery`, for `corpus.py`. The emotions overlap on purpose, speakers differ more
than emotions do in pitch, and the words say nothing about the emotion.
"""

from dataclasses import dataclass

import numpy as np

from emotion2vec.synthesis.espeak import VoiceSettings


@dataclass(frozen=True)
class Speaker:
    """One synthetic speaker.

    Attributes:
        id: Name in the file names, without an underscore.
        gender: "female" or "male".
        voice: eSpeak's name for the voice.
        pitch_offset: Added to every pitch, in eSpeak's units.
        rate_factor: Multiplies every rate: some people speak faster.
    """

    id: str
    gender: str
    voice: str
    pitch_offset: float
    rate_factor: float


@dataclass(frozen=True)
class Prosody:
    """Mean and standard deviation of what an emotion changes.

    Attributes:
        rate_wpm: Words per minute.
        pitch: Base pitch, eSpeak's units (0 to 99).
        pitch_range: Liveliness of the intonation (0 to 99).
        gain_db: Loudness against the corpus' mean.
        word_gap_10ms: Pauses between words, units of 10 ms (draws below 0 count as 0).
    """

    rate_wpm: tuple[float, float]
    pitch: tuple[float, float]
    pitch_range: tuple[float, float]
    gain_db: tuple[float, float]
    word_gap_10ms: tuple[float, float]


SPEAKERS = (
    Speaker("anna", "female", "en-us+f2", 0.0, 1.00),
    Speaker("bella", "female", "en-gb-x-rp+Annie", -6.0, 1.06),
    Speaker("clara", "female", "en-gb-scotland+f3", 3.0, 0.95),
    Speaker("dora", "female", "en-us+belinda", -3.0, 1.02),
    Speaker("emil", "male", "en-us+m3", 0.0, 1.00),
    Speaker("finn", "male", "en-gb-x-rp+m7", 5.0, 0.94),
    Speaker("gary", "male", "en-029+Michael", -4.0, 1.05),
    Speaker("hugo", "male", "en-us+edward", 3.0, 0.97),
)

EMOTIONS = {
    "angry": Prosody((198, 22), (57, 9), (66, 16), (4.0, 2.5), (0.0, 1.5)),
    "happy": Prosody((184, 22), (66, 9), (78, 14), (1.5, 2.5), (1.0, 2.0)),
    "neutral": Prosody((172, 20), (49, 8), (46, 13), (0.0, 2.5), (1.0, 2.0)),
    "sad": Prosody((150, 20), (42, 8), (28, 13), (-4.0, 2.5), (3.0, 2.5)),
}

# Words of everyday reports: nothing in them is angry, happy or sad.
SENTENCES = (
    "The train to the coast leaves at half past nine.",
    "She put the two blue cups on the kitchen table.",
    "They moved the meeting to the second floor.",
    "The letter on the desk came this morning.",
    "He walked along the river to the old bridge.",
    "We will see the results some time next week.",
    "The shop at the corner opens before eight.",
    "My neighbour has painted the garden fence.",
    "There are seven chairs in the waiting room.",
    "The bus stops in front of the library.",
    "I left the keys beside the telephone.",
    "You can find the report in the top drawer.",
    "The children are reading in the other room.",
    "Someone has parked a van behind the house.",
    "The weather report says it may rain on Sunday.",
    "He asked for a table near the window.",
    "The doctor will call you in the afternoon.",
    "They have been talking about the new road.",
    "It takes about an hour to reach the lake.",
    "She told them what had happened at work.",
    "The film begins as soon as it gets dark.",
    "We bought bread and apples at the market.",
    "His brother is coming home on Thursday.",
    "The lights in the hall are still on.",
    "I have heard that song many times before.",
    "The dog is lying under the wooden bench.",
    "Please close the door when you go out.",
    "The museum is free on the first of the month.",
    "Nobody was in the office when I arrived.",
    "The water in the pot is nearly boiling.",
)


@dataclass(frozen=True)
class Delivery:
    """Everything that makes one utterance.

    Attributes:
        text: The sentence.
        settings: Voice and prosody for eSpeak.
        gain_db: Loudness against the corpus' mean.
        snr_db: Speech power over noise power.
        noise_tilt: 0 is white noise, 1 is pink noise.
    """

    text: str
    settings: VoiceSettings
    gain_db: float
    snr_db: float
    noise_tilt: float


def draw_delivery(speaker: Speaker, emotion: str, rng: np.random.Generator) -> Delivery:
    """Draw one utterance of a speaker in an emotion.

    Args:
        speaker: One of `SPEAKERS`.
        emotion: A key of `EMOTIONS`.
        rng: The only source of randomness.
    """
    prosody = EMOTIONS[emotion]
    text = SENTENCES[int(rng.integers(len(SENTENCES)))]
    rate = rng.normal(*prosody.rate_wpm) * speaker.rate_factor
    pitch = rng.normal(*prosody.pitch) + speaker.pitch_offset
    settings = VoiceSettings(
        voice=speaker.voice,
        rate_wpm=_to_setting(rate, low=100, high=280),
        pitch=_to_setting(pitch, low=5, high=99),
        pitch_range=_to_setting(rng.normal(*prosody.pitch_range), low=0, high=99),
        word_gap_10ms=_to_setting(rng.normal(*prosody.word_gap_10ms), low=0, high=9),
    )
    return Delivery(
        text=text,
        settings=settings,
        gain_db=float(rng.normal(*prosody.gain_db)),
        snr_db=float(rng.uniform(5.0, 30.0)),
        noise_tilt=float(rng.uniform(0.0, 1.0)),
    )


def _to_setting(value: float, *, low: int, high: int) -> int:
    return int(np.clip(round(value), low, high))
