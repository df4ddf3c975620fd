"""However an effective batch is split over processes and accumulation steps, training is the same."""

from pathlib import Path

import pytest
import torch

from tests.helpers.training import (
    assert_same_state,
    final_state,
    logged,
    train,
    train_in_processes,
)
from tests.helpers.wav import make_manifest_folder

pytestmark = [pytest.mark.fairseq, pytest.mark.slow]

# 33 utterances in batches of up to 4: the last effective batch of an epoch is short, and has empty places
SETTINGS = ("optimization.max_epoch=10", "optimization.lr=[0.002]", "dataset.max_tokens=64000")
NO_CHANCE = (
    "+model.encoder_dropout=0", "+model.attention_dropout=0", "+model.post_mlp_drop=0", "+model.prenet_dropout=0",
    "+model.layerdrop=0", "+model.prenet_layerdrop=0", "+model.decoder_input_dropout=0", "+model.mask_noise_std=0",
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    return make_manifest_folder(folder, num_utts=33, seconds=[1.0, 1.3, 1.7])


@pytest.mark.parametrize("chance", [NO_CHANCE, ()], ids=["without dropout", "with dropout"])
def test_one_process_times_four_equals_two_processes_times_two(
    chance: tuple[str, ...], data: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    train(data, one, *SETTINGS, *chance, "optimization.update_freq=[4]")
    train_in_processes(data, two, *SETTINGS, *chance, "optimization.update_freq=[2]", processes=2)
    first, second = logged(one), logged(two)
    assert first.keys() == second.keys()
    assert len(first) >= 20
    for update in first:  # both are printed with six decimals, hence the absolute part
        for name in ("loss", "loss_frame", "loss_utterance"):
            assert first[update][name] == pytest.approx(second[update][name], rel=1e-5, abs=2e-6)
    weights, others = final_state(one)["model"], final_state(two)["model"]
    for key, tensor in weights.items():
        torch.testing.assert_close(tensor, others[key], rtol=0, atol=1e-4, msg=key)


def test_two_processes_resume_as_if_never_stopped(data: Path, tmp_path: Path) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    settings = (*SETTINGS, "optimization.max_epoch=3", "optimization.update_freq=[2]")
    train_in_processes(data, whole, *settings, processes=2)
    train_in_processes(data, parted, *settings, processes=2)
    # go back to the middle of the second epoch, as a kill would
    (parted / "checkpoint_last.pt").unlink()
    for path in parted.glob("checkpoint_*.pt"):
        if "_4.pt" not in path.name:
            path.unlink()
    train_in_processes(data, parted, *settings, processes=2)
    assert_same_state(final_state(whole), final_state(parted))
