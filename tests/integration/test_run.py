"""One short run: what it logs, what its checkpoint holds, who can read it; other precisions and methods."""

import signal
from pathlib import Path

import pytest
import torch

from tests.helpers.training import final_state, logged, train
from tests.helpers.wav import make_manifest_folder

pytestmark = [pytest.mark.fairseq, pytest.mark.slow]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_manifest_folder(tmp_path_factory.mktemp("data"), num_utts=12, seconds=[1.0, 1.5])


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    save_dir = tmp_path_factory.mktemp("run")
    train(data, save_dir, "optimization.max_update=3", "dataset.max_tokens=64000", fresh=True)
    return save_dir


def test_run_logs_every_figure_of_the_contract(run: Path) -> None:
    last = logged(run)[3]
    for name in (
        "loss", "loss_frame", "loss_utterance", "lr", "ema_decay", "target_var", "pred_var", "utterance_target_var",
        "masked_share", "gnorm", "audio_s_per_s", "memory_gb", "time_data", "time_forward", "time_backward",
        "time_optimizer",
    ):  # fmt: skip
        assert name in last, name
    assert last["loss"] == pytest.approx(last["loss_frame"] + last["loss_utterance"], abs=2e-4)
    assert last["ema_decay"] == pytest.approx(0.999 + 0.00099 * 3 / 100, abs=1e-6)
    assert 0.4 < last["masked_share"] <= 0.5


def test_log_has_one_line_an_update_in_every_epoch(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path, "optimization.max_epoch=3", "dataset.max_tokens=64000")
    lines = (tmp_path / "train.log").read_text(encoding="utf-8").splitlines()
    assert sum("[train_inner]" in line for line in lines) == max(logged(tmp_path))


def test_run_writes_tensorboard_events(run: Path) -> None:
    assert list((run / "tensorboard").rglob("events.out.tfevents.*"))


def test_checkpoint_holds_plain_types_and_tensors_only(run: Path) -> None:
    state = final_state(run)  # read with torch's restricted unpickler
    assert state["optimizer_history"][-1]["num_updates"] == 3
    assert any(key.startswith("teacher.") for key in state["model"])


def test_fairseq_loads_the_checkpoint_by_its_usual_call(run: Path) -> None:
    from fairseq import checkpoint_utils

    import emotion2vec.fairseq_plugin  # noqa: F401 - what utils.import_user_module does

    handler = signal.getsignal(signal.SIGTERM)
    models, _, task = checkpoint_utils.load_model_ensemble_and_task(
        [str(run / "checkpoint_last.pt")]
    )
    assert type(task).__name__ == "Emotion2VecPretrainingTask"
    weights = final_state(run)["model"]
    for key, tensor in models[0].state_dict().items():
        assert torch.equal(tensor, weights[key]), key
    assert signal.getsignal(signal.SIGTERM) is handler  # loading is not training


def test_encoder_of_the_checkpoint_is_the_trained_student(run: Path) -> None:
    from emotion2vec.model.checkpoint import load_encoder

    loaded = load_encoder(run / "checkpoint_last.pt")
    weights = final_state(run)["model"]
    for key, tensor in loaded.encoder.state_dict().items():
        assert torch.equal(tensor, weights[f"student.{key}"]), key


def test_new_run_starts_from_the_checkpoint(run: Path, data: Path, tmp_path: Path) -> None:
    output = train(
        data,
        tmp_path,
        f"model.init_from={run / 'checkpoint_last.pt'}",
        "+ablation=token",
        "optimization.max_update=1",
    )
    assert "started from" in output
    (row,) = [line for line in output.splitlines() if line.split()[:2] == ["utterance", "tokens"]]
    assert row.split()[2:] == ["0", "0", "1", "0"]  # loaded, created, resized, ignored
    assert logged(tmp_path)[1]["loss_frame"] == pytest.approx(logged(run)[3]["loss_frame"], rel=0.2)


@pytest.mark.parametrize("ablation", ["global", "frame_only", "utterance_only", "alpha_10"])
def test_each_objective_trains(ablation: str, data: Path, tmp_path: Path) -> None:
    train(data, tmp_path, f"+ablation={ablation}", "optimization.max_update=2")
    figures = logged(tmp_path)[2]
    weights = {"frame_only": (1, 0), "utterance_only": (0, 1), "alpha_10": (1, 10)}
    frame, utterance = weights.get(ablation, (1, 1))
    expected = frame * figures["loss_frame"] + utterance * figures["loss_utterance"]
    assert figures["loss"] == pytest.approx(expected, abs=1e-3)


def test_bfloat16_on_cpu_follows_float32(run: Path, data: Path, tmp_path: Path) -> None:
    train(
        data,
        tmp_path,
        "+model.bf16_autocast=true",
        "optimization.max_update=3",
        "dataset.max_tokens=64000",
    )
    exact, rounded = logged(run), logged(tmp_path)
    for update in exact:
        assert rounded[update]["loss"] == pytest.approx(exact[update]["loss"], rel=0.02)
        assert rounded[update]["loss"] != exact[update]["loss"]
    assert {tensor.dtype for tensor in final_state(tmp_path)["model"].values()} == {torch.float32}


def test_padded_batches_train(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path, "+task.enable_padding=true", "dataset.max_tokens=400000")
    # one batch of clips of 49 and 74 frames: 24 of 74 are masked in each
    assert logged(tmp_path)[1]["masked_share"] == pytest.approx(24 / 74, abs=1e-4)


def test_validation_reports_the_same_losses(data: Path, tmp_path: Path) -> None:
    output = train(
        data,
        tmp_path,
        "dataset.disable_validation=false",
        "dataset.valid_subset=all",
        "optimization.max_update=2",
    )
    assert '"all_loss_frame"' in output  # named after the subset
