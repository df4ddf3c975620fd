"""One audio file, opened once: what its header says, and segments of it at 16 kHz mono.

In: path. Out: `AudioInfo`, waveforms (S,) for `io.py`, `data/checks.py` and `corpora/convert.py`.
S samples, C channels.
"""

import io
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile
import torch
from torch import Tensor

from emotion2vec.audio.headers import missing_bytes
from emotion2vec.audio.mono import MEAN, check_rate, mix_channels, parse_channel, require_length
from emotion2vec.audio.resample import (
    context_blocks,
    resample_to_16k,
    resampled_length,
    resampling_blocks,
)
from emotion2vec.audio.shard import parse_member, read_member
from emotion2vec.audio.video import CONTAINER_SUFFIXES, DecodedContainer, decode_container
from emotion2vec.errors import AudioError
from emotion2vec.structs import SAMPLE_RATE_HZ

_BLOCK_SAMPLES = 1 << 20


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says.

    Attributes:
        sample_rate_hz: Rate of the file.
        num_channels: Channels of the file.
        num_samples: Samples of one channel at the file's rate.
    """

    sample_rate_hz: int
    num_channels: int
    num_samples: int

    @property
    def num_samples_16k(self) -> int:
        """Samples at 16 kHz: exactly as many as `read` returns for the whole file."""
        return resampled_length(self.num_samples, self.sample_rate_hz)

    @property
    def is_16k_mono(self) -> bool:
        """Whether a manifest may name the file as it is."""
        return (self.sample_rate_hz, self.num_channels) == (SAMPLE_RATE_HZ, 1)


class AudioFile(AbstractContextManager["AudioFile"]):
    """An open file. A video or m4a file is decoded when it is opened, any other when it is read.

    Attributes:
        path: The file.
        info: What its header says; of a video or m4a file, what decoding gave.
    """

    def __init__(self, path: Path | str, *, channel: str | int = MEAN) -> None:
        """Open the file and read its header.

        Args:
            path: Any format that soundfile reads; video and m4a where PyAV is installed; `SHARD.tar:OFFSET:SIZE`.
            channel: `mean`, or the number of the channel to take, from 0; a single channel is taken as it is.

        Raises:
            AudioError: The file is missing, unreadable, empty or truncated.
        """
        self.path = Path(path)
        self._channel = parse_channel(channel)
        self._file: soundfile.SoundFile | None = None
        self._decoded: DecodedContainer | None = None
        self._whole_S: Tensor | None = None
        self._position = 0  # of the open file; some formats cannot tell it
        self._source: Path | str = self.path  # how errors name it
        member = parse_member(self.path)
        if member is not None:
            name, content = read_member(member)
            self._source = f"{member.shard}: {name}"
            self._file = _open(io.BytesIO(content), self._source)
            self.info = self._read_header(self._file, io.BytesIO(content), len(content))
            return
        num_bytes = _require_file(self.path)
        if self.path.suffix.lower() in CONTAINER_SUFFIXES:
            decoded = decode_container(self.path, channel=self._channel)
            self._decoded = decoded
            self.info = AudioInfo(
                decoded.sample_rate_hz, decoded.num_channels, len(decoded.samples_S)
            )
        else:
            self._file = _open(str(self.path), self.path)
            self.info = self._read_header(self._file, self.path, num_bytes)

    def _read_header(
        self, file: soundfile.SoundFile, content: Path | io.BytesIO, num_bytes: int
    ) -> AudioInfo:
        """Check the header and that nothing of the file is missing; closes it when something is wrong."""
        try:
            check_rate(file.samplerate, self._source)
            try:
                missing = missing_bytes(content, num_bytes)
            except OSError as error:
                raise AudioError(self._source, f"cannot be read ({error.strerror})") from error
            if missing > 0:
                reason = (
                    f"is truncated: the header promises {missing} bytes more than the file holds"
                )
                raise AudioError(self._source, reason)
            if file.frames == 0:
                raise AudioError(self._source, "is empty (0 samples)")
        except AudioError:
            file.close()
            raise
        return AudioInfo(file.samplerate, file.channels, file.frames)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def read(
        self, start: int | None = None, end: int | None = None, *, max_overrun: int = 0
    ) -> Tensor:
        """Read the file or a segment of it as mono speech at 16 kHz.

        Args:
            start: First sample of the segment, counted at 16 kHz; None is 0.
            end: Sample after the segment's last, counted at 16 kHz; None is the file's end.
            max_overrun: So many samples may `end` lie beyond the file's end; the segment then ends with the file.

        Returns:
            Waveform (S,), float32, no gain.

        Raises:
            AudioError: The segment lies outside of the file or is shorter than 400 samples; the samples that it
                needs cannot be decoded or are not finite; there is no such channel.
        """
        start, end = self._segment(start, end, max_overrun)
        if self._file is None or not _can_jump(self._file):
            return require_length(self._whole()[start:end], self._source)
        rate = self.info.sample_rate_hz
        source, target = resampling_blocks(rate)
        # read whole blocks around the segment: it then has the same samples as a cut of the whole file
        margin = context_blocks(rate) if rate != SAMPLE_RATE_HZ else 0
        first_block = max(0, start // target - margin)
        stop = min(self.info.num_samples, (-(-end // target) + margin) * source)
        samples_S = self._decode(self._file, first_block * source, stop)
        waveform_S = resample_to_16k(torch.from_numpy(samples_S), rate)
        offset = first_block * target
        return require_length(waveform_S[start - offset : end - offset], self._source)

    def _segment(self, start: int | None, end: int | None, max_overrun: int) -> tuple[int, int]:
        """Fill in the ends of a segment and check that it lies within the file."""
        length = self.info.num_samples_16k
        start = 0 if start is None else start
        end = length if end is None else end
        if length < end <= length + max_overrun:
            end = length
        if not 0 <= start < end <= length:
            reason = f"has no segment {start}..{end}: it holds {length} samples at 16 kHz"
            raise AudioError(self._source, reason)
        return start, end

    def _whole(self) -> Tensor:
        """Return the whole file at 16 kHz, (S,); made once."""
        if self._whole_S is None:
            if self._decoded is not None:
                samples_S = self._decoded.samples_S
            else:
                assert self._file is not None
                samples_S = self._decode(self._file, 0, self.info.num_samples)
            self._whole_S = resample_to_16k(torch.from_numpy(samples_S), self.info.sample_rate_hz)
        return self._whole_S

    def _decode(self, file: soundfile.SoundFile, start: int, stop: int) -> np.ndarray:
        """Decode the samples [start, stop) of the file's own rate, (S,) float32."""
        try:
            if start != self._position:
                file.seek(start)
            self._position = stop
            blocks = [
                mix_channels(block_SC, self._channel, self._source)
                for block_SC in _read_blocks(file, stop - start)
            ]
        except (soundfile.SoundFileError, OSError) as error:
            raise AudioError(
                self._source, f"cannot be decoded ({_plain(error, self._source)})"
            ) from error
        num_decoded = sum(map(len, blocks))
        if num_decoded != stop - start:
            reason = f"is truncated: decoding gives {num_decoded} of {stop - start} samples"
            raise AudioError(self._source, reason)
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _require_file(path: Path) -> int:
    """Return the size of a file that can be read."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AudioError(path, "does not exist") from error
    except OSError as error:
        raise AudioError(path, f"cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(path, "is not a file")
    if status.st_size == 0:
        raise AudioError(path, "is empty (0 bytes)")
    return status.st_size


def _open(file: str | io.BytesIO, source: Path | str) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(file)
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        raise AudioError(source, f"cannot be read as audio ({_plain(error, source)})") from error


def _can_jump(file: soundfile.SoundFile) -> bool:
    # a frame of MP3 needs those before it, and a few formats cannot jump at all
    return bool(file.seekable()) and file.format != "MP3"


def _read_blocks(file: soundfile.SoundFile, num_samples: int) -> Iterator[np.ndarray]:
    """Decode block by block: a damaged header may promise more samples than any memory holds."""
    while num_samples > 0:
        block_SC = file.read(min(num_samples, _BLOCK_SAMPLES), dtype="float32", always_2d=True)
        if len(block_SC) == 0:
            return
        yield block_SC
        num_samples -= len(block_SC)


def _plain(error: Exception, source: Path | str) -> str:
    """Cut libsndfile's message down to the cause: the path stands in front of ours already."""
    text: str = getattr(error, "error_string", None) or str(error)
    text = str(text).replace(f"Error opening {str(source)!r}: ", "")
    return text.removeprefix("Error : ").strip().rstrip(".")
