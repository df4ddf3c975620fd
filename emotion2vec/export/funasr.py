"""FunASR folder: what `funasr.AutoModel(model=DIR)` loads and runs.

In: `LoadedCheckpoint` on data2vec 2.0. Out: `model.pt` (state dict under the released names), `config.yaml`,
`configuration.json`. FunASR 1.4 is right on single files; its batches with padding are not.
"""

import json
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from emotion2vec.errors import ExportError
from emotion2vec.export.fairseq_settings import data2vec2_settings
from emotion2vec.export.place import new_folder
from emotion2vec.export.provenance import STATE_KEY, Provenance, as_entry
from emotion2vec.export.weights import detach_weights, save_state, select_weights
from emotion2vec.files import write_text
from emotion2vec.model.checkpoint import LoadedCheckpoint
from emotion2vec.model.key_map import to_fairseq

WEIGHTS_FILE, CONFIG_FILE, FILES_FILE = "model.pt", "config.yaml", "configuration.json"


def export_funasr(
    checkpoint: LoadedCheckpoint,
    out: Path,
    *,
    provenance: Provenance | None = None,
    weights: str = "all",
    overwrite: bool = False,
) -> None:
    """Write a FunASR folder.

    FunASR takes the student and, when it is there, the decoder. The teacher lies beside them in `model.pt`, where
    FunASR does not look and this program finds it again.

    Args:
        checkpoint: What to write; tensors keep their precision.
        out: The folder; made when missing.
        provenance: Where the weights come from; by default the file that was read.
        weights: `all`, or `student`: what features need.
        overwrite: Replace what lies there.

    Raises:
        ConfigError: A setting is unknown.
        ExportError: The model is on data2vec, which FunASR does not have; or the place is taken.
    """
    config = checkpoint.config
    if config.backbone != "data2vec2":
        raise ExportError(
            f"FunASR's Emotion2vec is built on data2vec 2.0 and cannot hold a model on {config.backbone}; export it "
            "as hub, official or onnx"
        )
    origin = provenance or Provenance(checkpoint.kind, checkpoint.sha256)
    tensors = select_weights(checkpoint.tensors, weights)
    sections = to_fairseq(tensors, config)
    has_decoder = any(name.startswith("decoder.") for name in tensors)
    settings = data2vec2_settings(config, has_decoder=has_decoder)
    with new_folder(out, overwrite=overwrite) as folder:
        save_state(
            folder / WEIGHTS_FILE,
            {
                "model": detach_weights(sections["model"]),
                "_ema": detach_weights(sections["_ema"]),
                STATE_KEY: as_entry(config, origin),
            },
        )
        conf = {"model": "Emotion2vec", "model_conf": {**settings, "normalize": True}}
        write_text(folder / CONFIG_FILE, yaml.safe_dump(conf, sort_keys=False))
        write_text(folder / FILES_FILE, json.dumps(_files(), indent=2) + "\n")


def _files() -> dict[str, Any]:
    """Tell FunASR and ModelScope which file is what."""
    return {
        "framework": "pytorch",
        "task": "emotion-recognition",
        "model": {"type": "funasr"},
        "pipeline": {"type": "funasr-pipeline"},
        "file_path_metas": {"init_param": WEIGHTS_FILE, "config": CONFIG_FILE},
    }
