"""s3prl: our encoder as one of its upstreams, under the name `emotion2vec_local`.

In: a checkpoint of any format. Out: `UpstreamExpert`, with all hidden states. Three ways to it:

    register()                                                  then S3PRLUpstream("emotion2vec_local", path_or_url=...)
    python -m emotion2vec.export.s3prl run_downstream.py -u emotion2vec_local -k CHECKPOINT ...
    torch.hub.load(FOLDER, "emotion2vec_local", source="local")     a folder that `export_s3prl` wrote

B utterances, S samples, T frames, D width. Needs s3prl for the first two only (extra `s3prl`).
"""

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from emotion2vec.audio.io import normalise_waveform
from emotion2vec.errors import AudioError, Emotion2VecError
from emotion2vec.export.card import CardFacts
from emotion2vec.export.hub import write_hub_files
from emotion2vec.export.place import new_folder
from emotion2vec.export.provenance import Provenance
from emotion2vec.export.s3prl_compat import import_s3prl_hub
from emotion2vec.files import write_text
from emotion2vec.model.checkpoint import LoadedCheckpoint, load_encoder
from emotion2vec.structs import (
    MIN_SAMPLES,
    SAMPLES_PER_FRAME,
    frame_padding,
    num_frames,
    padding_from_lengths,
)

ENTRY = "emotion2vec_local"

_EXPERT = '''"""s3prl upstream: the emotion2vec model whose weights lie beside this file."""

from pathlib import Path as _Path

from emotion2vec.export.s3prl import UpstreamExpert as _UpstreamExpert


class UpstreamExpert(_UpstreamExpert):
    """Takes the weights of this folder unless it is given others."""

    def __init__(self, ckpt=None, **kwargs):
        super().__init__(ckpt or _Path(__file__).resolve().parent, **kwargs)
'''

_HUBCONF = '''"""Entry for torch.hub and s3prl. Needs the package emotion2vec."""

from pathlib import Path as _Path

from emotion2vec.export.s3prl import UpstreamExpert as _UpstreamExpert

dependencies = ["emotion2vec", "numpy", "safetensors", "soundfile", "torch"]


def emotion2vec_local(ckpt=None, **kwargs):
    """Build the upstream from `ckpt`, a checkpoint of any format, or from the weights of this folder."""
    return _UpstreamExpert(ckpt or _Path(__file__).resolve().parent, **kwargs)
'''


class UpstreamExpert(nn.Module):
    """What s3prl calls an upstream: waveforms in, hidden states of all layers out.

    Each utterance is normalised here, over its own samples. Frames behind its end repeat its last frame, which is how
    s3prl itself lengthens features: an utterance's features do not depend on the batch. Layer drop is off, so every
    pass has all hidden states; gradients flow, so that s3prl can fine-tune.
    """

    def __init__(self, ckpt: Path | str, model_config: str | None = None, **_: Any) -> None:
        """Load a checkpoint.

        Args:
            ckpt: A checkpoint of any format that we read, file or folder.
            model_config: Given by s3prl, not needed: the checkpoint holds the architecture.

        Raises:
            CheckpointError: It cannot be read, is not safe to read, or holds another model.
        """
        super().__init__()
        self.encoder = load_encoder(Path(ckpt)).encoder
        self.encoder.context.layer_drops = (0.0,) * len(self.encoder.context.layers)

    def get_downsample_rates(self, key: str) -> int:
        """Return the samples a frame, 320 for every key."""
        return SAMPLES_PER_FRAME

    def forward(self, wavs: Sequence[Tensor]) -> dict[str, Any]:
        """Encode a batch.

        Args:
            wavs: Speech at 16 kHz, each (S_i,), at least 400 samples, on the module's device.

        Returns:
            `hidden_states`: input of the first transformer layer and output of every layer, each (B, T, D);
            `last_hidden_state`: the last of them.

        Raises:
            AudioError: An utterance is too short.
        """
        waveform_BS, padding_BS = _make_batch(wavs)
        padding_BT = None if padding_BS is None else frame_padding(padding_BS)
        output = self.encoder.context(self.encoder.frontend(waveform_BS), padding_RT=padding_BT)
        places_BT = _places(waveform_BS, padding_BT)
        hidden = [
            _take(hidden_BND[:, output.num_tokens :], places_BT) for hidden_BND in output.hidden
        ]
        return {"hidden_states": hidden, "last_hidden_state": hidden[-1]}


def emotion2vec_local(ckpt: Path | str, **options: Any) -> UpstreamExpert:
    """Build the upstream as s3prl does: `-u emotion2vec_local -k CHECKPOINT`."""
    return UpstreamExpert(ckpt, **options)


def register() -> None:
    """Add `emotion2vec_local` to s3prl's upstreams, in this process.

    For the rest of the process, names that torchaudio and huggingface_hub no longer have stand for classes that refuse
    to work (see `s3prl_compat.py`): s3prl looks for them whenever it imports another of its parts.

    Raises:
        ExportError: s3prl is not installed.
    """
    setattr(import_s3prl_hub(), ENTRY, emotion2vec_local)


def export_s3prl(
    checkpoint: LoadedCheckpoint,
    out: Path,
    *,
    provenance: Provenance | None = None,
    overwrite: bool = False,
) -> None:
    """Write a folder for torch.hub or s3prl's `upstream`: hub folder of the student, `expert.py` and `hubconf.py`.

    Args:
        checkpoint: What to write.
        out: The folder; made when missing.
        provenance: Where the weights come from; by default the file that was read.
        overwrite: Replace what lies there.

    Raises:
        ExportError: The place is taken.
    """
    origin = provenance or Provenance(checkpoint.kind, checkpoint.sha256)
    with new_folder(out, overwrite=overwrite) as folder:
        write_hub_files(folder, checkpoint, origin, CardFacts(), weights="student")
        write_text(folder / "__init__.py", "")
        write_text(folder / "expert.py", _EXPERT)
        write_text(folder / "hubconf.py", _HUBCONF)


def run_script(arguments: Sequence[str]) -> None:
    """Run a script or module of s3prl that knows our upstream.

    Args:
        arguments: Path of a script (`*.py`) or name of a module, such as `s3prl.run_downstream`, and its arguments.

    Raises:
        ExportError: s3prl is not installed.
    """
    register()
    sys.argv = list(arguments)
    if arguments[0].endswith(".py"):
        runpy.run_path(arguments[0], run_name="__main__")
    else:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def _make_batch(wavs: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """Normalise and pad: (B, S), and True where padded (B, S), or None when nothing is."""
    lengths_B = torch.tensor([len(wav_S) for wav_S in wavs], device=wavs[0].device)
    if (shortest := int(lengths_B.min())) < MIN_SAMPLES:
        raise AudioError(
            f"utterance {int(lengths_B.argmin())} of the batch",
            f"is too short: {shortest} samples at 16 kHz, at least {MIN_SAMPLES} (25 ms) are needed",
        )
    waveform_BS = nn.utils.rnn.pad_sequence(
        [normalise_waveform(wav_S) for wav_S in wavs], batch_first=True
    )
    is_padded = bool((lengths_B != lengths_B.max()).any())
    return waveform_BS, padding_from_lengths(lengths_B, waveform_BS.size(1)) if is_padded else None


def _places(waveform_BS: Tensor, padding_BT: Tensor | None) -> Tensor | None:
    """Say which frame stands at each place of the output, (B, T); None where every frame stands at its own.

    Behind an utterance's end it is the last valid one. A batch of 961 to 1039 samples has 2 frames where s3prl
    expects 4 and gives up (`S3PRLUpstream` lengthens to less than the double only): it gets 4.
    """
    batch_size, num_samples = waveform_BS.shape
    found, wanted = num_frames(num_samples), -(-num_samples // SAMPLES_PER_FRAME)
    places_T = torch.arange(wanted if wanted == 2 * found == 4 else found)
    if padding_BT is None and len(places_T) == found:
        return None
    last_B = torch.full((batch_size,), found - 1)
    if padding_BT is not None:
        last_B = (~padding_BT).sum(dim=1).cpu() - 1
    return places_T[None].minimum(last_B[:, None]).to(waveform_BS.device)


def _take(frames_BTD: Tensor, places_BT: Tensor | None) -> Tensor:
    """Put frames (B, T, D) where `_places` says."""
    if places_BT is None:
        return frames_BTD
    return frames_BTD.gather(1, places_BT.unsqueeze(-1).expand(-1, -1, frames_BTD.size(-1)))


def main(arguments: Sequence[str]) -> None:
    """Run `run_script`; a mistake of the user ends as one sentence."""
    if not arguments:
        sys.exit("usage: python -m emotion2vec.export.s3prl SCRIPT.py|MODULE [ARGUMENTS ...]")
    try:
        run_script(arguments)
    except Emotion2VecError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    from emotion2vec.export.s3prl import main as _main  # its classes then have this module's name

    _main(sys.argv[1:])
