"""data2vec and data2vec 2.0 by their names: our encoder, the files as fairseq writes them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from emotion2vec.errors import CheckpointError
from emotion2vec.features.baselines.catalogue import BASELINES
from emotion2vec.features.baselines.weights import cached_place
from emotion2vec.features.encode import encode_batch
from emotion2vec.features.settings import ExtractionSettings, LayerSelection
from emotion2vec.features.upstreams import load_upstream
from tests.features.fakes import random_waveforms
from tests.helpers.checkpoints import write_checkpoint

PLAIN = {"num_utterance_tokens": 0, "utterance_method": "global"}
BACKBONES = {"data2vec2": PLAIN, "data2vec": {**PLAIN, "backbone": "data2vec"}}


@pytest.mark.parametrize("name", BACKBONES)
def test_a_data2vec_is_our_encoder_under_another_name(name: str, tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.pt", **BACKBONES[name])
    named, plain = load_upstream(f"{name}:{path}"), load_upstream(path)
    assert (named.name, plain.name) == (name, "a.pt")
    assert named.identity == plain.identity
    waveforms = random_waveforms(6000, 400, 9000)
    settings = ExtractionSettings(layers=LayerSelection("all"))
    pair = [encode_batch(upstream, waveforms, settings) for upstream in (named, plain)]
    for one, other in zip(*pair, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_data2vec_in_torch_hubs_folder_needs_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    place = cached_place(BASELINES["data2vec2"])
    assert place == tmp_path / "hub" / "checkpoints" / "base_libri.pt"
    place.parent.mkdir(parents=True)
    write_checkpoint(place, **BACKBONES["data2vec2"])
    assert load_upstream("data2vec2").identity.path == "base_libri.pt"


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("data2vec", BACKBONES["data2vec2"], "holds a data2vec2, expected a data2vec without"),
        ("data2vec2", BACKBONES["data2vec"], "holds a data2vec, expected a data2vec2 without"),
        (
            "data2vec2",
            {},
            "holds a data2vec2 with 3 utterance tokens, expected a data2vec2 without",
        ),
    ],
)
def test_another_model_of_ours_does_not_stand_under_that_name(
    name: str, settings: dict, words: str, tmp_path: Path
) -> None:
    path = write_checkpoint(tmp_path / "a.pt", **settings)
    with pytest.raises(CheckpointError, match=f"a.pt: {words}.*say --checkpoint .*a.pt to use it"):
        load_upstream(f"{name}:{path}")


@pytest.mark.fairseq
@pytest.mark.parametrize(
    ("name", "kind"), [("data2vec2", "data2vec 2.0"), ("data2vec", "data2vec")]
)
def test_features_of_fairseqs_own_file_are_fairseqs(name: str, kind: str, tmp_path: Path) -> None:
    pytest.importorskip("fairseq")
    from tests.helpers.look_alikes import foreign_features, write_look_alike

    model = write_look_alike(tmp_path / "f.pt", kind)
    (waveform,) = random_waveforms(8000)
    normalised = torch.nn.functional.layer_norm(waveform, waveform.shape)
    (features,) = encode_batch(
        load_upstream(f"{name}:{tmp_path / 'f.pt'}"), [waveform], ExtractionSettings()
    )
    expected = foreign_features(model, normalised[None])[0]
    torch.testing.assert_close(torch.from_numpy(features), expected, rtol=1e-5, atol=1e-5)
