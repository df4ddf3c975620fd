"""Hub folder: `model.safetensors`, `config.json` and a model card; what `Emotion2Vec.from_pretrained` reads anywhere.

In: `LoadedCheckpoint`. Out: a folder of which the same checkpoint always makes the same bytes. `model/formats.py`
reads it; inference from it needs torch, numpy, soundfile and safetensors only.
"""

import json
import shutil
from pathlib import Path

from emotion2vec.export.card import CardFacts, model_card
from emotion2vec.export.place import new_folder
from emotion2vec.export.provenance import Provenance, as_entry
from emotion2vec.export.weights import detach_weights, select_weights
from emotion2vec.files import write_text
from emotion2vec.model.checkpoint import LoadedCheckpoint

WEIGHTS_FILE, CONFIG_FILE, CARD_FILE = "model.safetensors", "config.json", "README.md"


def export_hub(
    checkpoint: LoadedCheckpoint,
    out: Path,
    *,
    provenance: Provenance | None = None,
    facts: CardFacts | None = None,
    weights: str = "all",
    overwrite: bool = False,
) -> None:
    """Write a hub folder.

    Args:
        checkpoint: What to write; tensors keep their precision.
        out: The folder; made when missing.
        provenance: Where the weights come from; by default the file that was read.
        facts: What the model card tells beyond the checkpoint.
        weights: `all`, or `student`: what features need.
        overwrite: Replace what lies there.

    Raises:
        ConfigError: A setting is unknown.
        ExportError: The place is taken; or a result of the card was measured on other weights.
    """
    origin = provenance or Provenance(checkpoint.kind, checkpoint.sha256)
    facts = facts or CardFacts()
    facts.check_results({checkpoint.sha256, origin.sha256})
    with new_folder(out, overwrite=overwrite) as folder:
        write_hub_files(folder, checkpoint, origin, facts, weights=weights)


def write_hub_files(
    folder: Path,
    checkpoint: LoadedCheckpoint,
    origin: Provenance,
    facts: CardFacts,
    *,
    weights: str,
) -> None:
    """Write what a hub folder holds.

    Args:
        folder: An empty folder.
        checkpoint: What to write.
        origin: Where the weights come from.
        facts: What the model card tells beyond the checkpoint.
        weights: `all` or `student`.

    Raises:
        ConfigError: Another word for the weights.
        OSError: The disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors = detach_weights(select_weights(checkpoint.tensors, weights))
    try:
        # one entry of metadata only: safetensors writes several in random order
        save_file(tensors, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    except SafetensorError as error:  # a full disk has this class here
        raise OSError(str(error)) from None
    entry = as_entry(checkpoint.config, origin)
    write_text(
        folder / CONFIG_FILE,
        json.dumps(entry, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
    )
    # safetensors lets nobody else read its file
    shutil.copymode(folder / CONFIG_FILE, folder / WEIGHTS_FILE)
    write_text(folder / CARD_FILE, model_card(checkpoint.config, tensors, origin, facts))
