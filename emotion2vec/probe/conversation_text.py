"""Text features of a manifest's utterances by a BERT.

In: `Manifest` with texts, name or folder of a model of `transformers` (extra `text`). Out: a feature store of one
vector an utterance, the mean of the last layer over the tokens, for `conversation_run.py`. Paper: Section 5.4.
"""

import logging
from pathlib import Path
from typing import Any

import torch

from emotion2vec.audio.torchaudio_compat import import_torchaudio
from emotion2vec.data.manifest import Manifest, read_card
from emotion2vec.errors import FeatureStoreError
from emotion2vec.features.store import CheckpointIdentity, StoreSettings
from emotion2vec.features.store_writer import Computed, FeatureStoreWriter
from emotion2vec.model.checkpoint import file_sha256
from emotion2vec.progress import progress

logger = logging.getLogger(__name__)

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_BATCH = 32
_MAX_TOKENS = 512  # BERT's positions


def write_text_store(
    manifest: Manifest, folder: Path, out: Path, *, model: str, device: torch.device
) -> None:
    """Write text features; a store that is complete is kept, an unfinished one is continued.

    Args:
        manifest: The utterances; one without words has the features of an empty text.
        folder: Folder of the manifest, for the corpus' name.
        out: Folder of the store.
        model: Name on the hub, or folder, of a BERT with its tokenizer.
        device: Where the model runs.

    Raises:
        FeatureStoreError: No text, no `transformers`, no such model, or the place holds other features.
    """
    texts = [utterance.text or "" for utterance in manifest.utterances]
    silent = sum(not text for text in texts)
    if silent == len(texts):
        raise FeatureStoreError(
            f"{folder}: no utterance has a text; prepare the corpus again with its transcripts, or give text_features "
            "without text_model"
        )
    if silent:
        logger.warning("%s: %d of %d utterances have no text: they count as empty ones",
                       folder, silent, len(texts))  # fmt: skip
    name = Path(model).name
    weights = next((path for file in _WEIGHTS if (path := Path(model) / file).is_file()), None)
    # of a model on the hub its whole name is all that is known before it is loaded
    identity = CheckpointIdentity(
        name if weights else model, file_sha256(weights) if weights else None, "text"
    )
    settings = StoreSettings(name, identity, "last", "utterance", "tokens", "float32", 0.0)
    writer = FeatureStoreWriter(out, manifest=manifest, settings=settings, card=read_card(folder))
    if writer.is_complete:
        return
    tokenizer, bert = _load(model, device)
    todo = [index for index in range(len(texts)) if not writer.is_done(index)]
    starts = range(0, len(todo), _BATCH)
    for start in progress(starts, description="text", total=len(starts), unit="batch"):
        part = todo[start : start + _BATCH]
        vectors_BD = _embed(tokenizer, bert, [texts[index] for index in part])
        writer.append(
            [
                Computed(index, [vector_D[None].numpy()])
                for index, vector_D in zip(part, vectors_BD, strict=True)
            ]
        )
    writer.finish()


def _embed(tokenizer: Any, bert: Any, texts: list[str]) -> torch.Tensor:
    """Return the mean of the last layer over each text's tokens, (B, D) on the CPU."""
    device = next(bert.parameters()).device
    tokens = tokenizer(
        texts, padding=True, truncation=True, max_length=_MAX_TOKENS, return_tensors="pt"
    ).to(device)
    with torch.inference_mode():
        hidden_BTD = bert(**tokens).last_hidden_state
        real_BT1 = tokens["attention_mask"][..., None].to(hidden_BTD.dtype)
        mean_BD: torch.Tensor = (hidden_BTD * real_BT1).sum(1) / real_BT1.sum(1)
    return mean_BD.float().cpu()


def _load(model: str, device: torch.device) -> tuple[Any, Any]:
    """Load tokenizer and model."""
    import_torchaudio()  # transformers imports it when it is there
    try:
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise FeatureStoreError(
            "text_model needs the package transformers; install it with: pip install 'emotion2vec[text]', or give "
            "text_features only"
        ) from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
        bert = AutoModel.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise FeatureStoreError(
            f"text_model {model!r} is neither a folder here nor to be had from the hub; where there is a network get "
            f"it with 'hf download {model} --local-dir bert', put the folder here and say text_model=bert"
        ) from error
    return tokenizer, bert.to(device).eval()
