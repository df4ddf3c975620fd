"""Names of the baselines: what each is, which module loads it, which file it needs.

In: nothing. Out: `BASELINES`, for `load_upstream` and for the command's help. Imports neither torch nor torchaudio.
Paper: Table 2.
"""

from dataclasses import dataclass

_TORCHAUDIO = "https://download.pytorch.org/torchaudio/models"
_FAIRSEQ = "https://dl.fbaipublicfiles.com/fairseq"


@dataclass(frozen=True)
class Baseline:
    """One baseline.

    Attributes:
        name: What `--checkpoint` calls it.
        title: What it is, in a few words.
        module: Which module of this package loads it: its function `load`.
        url: The file with its weights; None where there are none.
        narrow: It can be computed in bfloat16.
    """

    name: str
    title: str
    module: str
    url: str | None = None
    narrow: bool = True


_ALL = (
    Baseline("wav2vec2_base", "wav2vec 2.0 base, LibriSpeech 960 h", "torchaudio_models",
             f"{_TORCHAUDIO}/wav2vec2_fairseq_base_ls960.pth"),
    Baseline("hubert_base", "HuBERT base, LibriSpeech 960 h", "torchaudio_models",
             f"{_TORCHAUDIO}/hubert_fairseq_base_ls960.pth"),
    Baseline("wavlm_base", "WavLM base, LibriSpeech 960 h", "torchaudio_models",
             f"{_TORCHAUDIO}/wavlm_base.pth"),
    Baseline("wavlm_base_plus", "WavLM base+, 94,000 h", "torchaudio_models",
             f"{_TORCHAUDIO}/wavlm_base_plus.pth"),
    Baseline("wav2vec2_large", "wav2vec 2.0 large, Libri-Light 60,000 h", "torchaudio_models",
             f"{_TORCHAUDIO}/wav2vec2_fairseq_large_lv60k.pth"),
    Baseline("hubert_large", "HuBERT large, Libri-Light 60,000 h", "torchaudio_models",
             f"{_TORCHAUDIO}/hubert_fairseq_large_ll60k.pth"),
    Baseline("wavlm_large", "WavLM large, 94,000 h", "torchaudio_models",
             f"{_TORCHAUDIO}/wavlm_large.pth"),
    Baseline("data2vec", "data2vec base, LibriSpeech 960 h", "data2vec",
             f"{_FAIRSEQ}/data2vec/audio_base_ls.pt"),
    Baseline("data2vec2", "data2vec 2.0 base, LibriSpeech 960 h", "data2vec",
             f"{_FAIRSEQ}/data2vec2/base_libri.pt"),
    Baseline("wav2vec", "wav2vec large, LibriSpeech 960 h", "wav2vec",
             f"{_FAIRSEQ}/wav2vec/wav2vec_large.pt"),
    Baseline("vq_wav2vec", "vq-wav2vec (Gumbel), LibriSpeech 960 h", "wav2vec",
             f"{_FAIRSEQ}/wav2vec/vq-wav2vec.pt"),
    Baseline("logmel", "80 log-mel energies", "spectral", narrow=False),
    Baseline("mfcc", "13 MFCC with their first and second differences", "spectral", narrow=False),
    Baseline("egemaps", "eGeMAPSv02 of openSMILE: 25 descriptors, 88 functionals of an utterance", "egemaps",
             narrow=False),
)  # fmt: skip

BASELINES = {baseline.name: baseline for baseline in _ALL}
