"""Our upstream in s3prl: by itself, and inside s3prl's own programs where s3prl is installed."""

import importlib.util
import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from emotion2vec.errors import AudioError, CheckpointError, ExportError
from emotion2vec.export import s3prl as s3prl_export
from emotion2vec.export import s3prl_compat
from emotion2vec.export.s3prl import ENTRY, UpstreamExpert, export_s3prl, register
from emotion2vec.features.extractor import Emotion2Vec
from emotion2vec.model.checkpoint import read_checkpoint
from emotion2vec.structs import num_frames
from tests.helpers.checkpoints import write_checkpoint
from tests.model.builders import TINY

REPOSITORY = Path(__file__).resolve().parents[2]
needs_s3prl = pytest.mark.skipif(
    importlib.util.find_spec("s3prl") is None, reason="needs the extra s3prl"
)
LENGTHS = [16_000, 400, 9_001, 12_345]
NUM_STATES = 1 + TINY["prenet_depth"] + TINY["depth"]


@pytest.fixture(scope="module", params=["data2vec2", "data2vec"])
def checkpoint(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    # layer drop would take hidden states away: it must not reach s3prl
    return write_checkpoint(
        folder / "model.pt", backbone=request.param, layerdrop=0.9, prenet_layerdrop=0.9
    )


@pytest.fixture(scope="module")
def expert(checkpoint: Path) -> UpstreamExpert:
    return UpstreamExpert(str(checkpoint)).eval()


def speech(lengths: list[int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        (row + 1) * 0.05 * torch.randn(length, generator=generator) + 0.01 * row
        for row, length in enumerate(lengths)
    ]


@torch.no_grad()
def encode(expert: UpstreamExpert, wavs: list[Tensor]) -> Tensor:
    """Return all hidden states, (B, T, L, D)."""
    return torch.stack(list(expert(wavs)["hidden_states"]), dim=2)


def test_hidden_states_are_those_of_our_extraction_in_our_order(expert, checkpoint) -> None:
    (wav,) = speech([16_000])
    ours = Emotion2Vec.from_pretrained(checkpoint, device="cpu").extract(wav, layers="all")[0]
    found = encode(expert, [wav])
    assert found.shape == (1, 49, NUM_STATES, TINY["embed_dim"])
    np.testing.assert_allclose(found[0].numpy(), ours, rtol=0, atol=1e-6)


def test_the_last_hidden_state_is_the_last_of_the_hidden_states(expert) -> None:
    found = expert(speech([8_000]))
    assert found["last_hidden_state"] is found["hidden_states"][-1]


def test_a_base_model_has_13_hidden_states() -> None:
    from emotion2vec.model.config import ModelConfig

    assert ModelConfig().num_layers + 1 == 13


@pytest.mark.parametrize("key", ["hidden_states", "last_hidden_state"])
def test_every_key_has_320_samples_a_frame(expert, key) -> None:
    assert expert.get_downsample_rates(key) == 320


def test_batched_equals_single(expert) -> None:
    wavs = speech(LENGTHS)
    batched = encode(expert, wavs)
    for row, wav in enumerate(wavs):
        alone = encode(expert, [wav])[0]
        assert len(alone) == num_frames(len(wav))
        torch.testing.assert_close(batched[row, : len(alone)], alone, rtol=1e-5, atol=1e-5)


def test_frames_behind_the_end_repeat_the_last_valid_frame(expert) -> None:
    batched = encode(expert, speech(LENGTHS))
    for row, length in enumerate(LENGTHS):
        valid = num_frames(length)
        rest = batched[row, valid:]
        assert torch.equal(rest, batched[row, valid - 1].expand_as(rest))


def test_training_mode_keeps_every_hidden_state_and_gives_gradients(checkpoint) -> None:
    expert = UpstreamExpert(checkpoint).train()
    found = expert(speech([8_000, 6_000]))
    assert len(found["hidden_states"]) == NUM_STATES
    found["last_hidden_state"].square().sum().backward()
    assert all(parameter.grad is not None for parameter in expert.parameters())


def test_a_short_utterance_is_named(expert) -> None:
    message = r"^utterance 1 of the batch: is too short: 399 samples at 16 kHz, at least 400 \(25 ms\) are needed$"
    with pytest.raises(AudioError, match=message):
        expert(speech([16_000, 399]))


def test_what_s3prl_passes_beside_the_checkpoint_is_accepted(checkpoint) -> None:
    expert = s3prl_export.emotion2vec_local(ckpt=str(checkpoint), model_config=None, refresh=False)
    assert isinstance(expert, UpstreamExpert)


def test_loading_leaves_the_random_numbers_of_the_program_alone(checkpoint) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    UpstreamExpert(checkpoint)
    assert torch.equal(torch.rand(3), wanted)


def test_a_missing_checkpoint_is_named(tmp_path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.pt: no such checkpoint"):
        UpstreamExpert(str(tmp_path / "none.pt"))


def test_a_missing_s3prl_is_named_with_the_command_that_installs_it(monkeypatch) -> None:
    monkeypatch.setattr("emotion2vec.export.s3prl_compat.find_spec", lambda name: None)
    with pytest.raises(
        ExportError, match=r"^s3prl is not installed: pip install emotion2vec\[s3prl\]$"
    ):
        register()


# the interface: s3prl's own length rules, in our words


@pytest.mark.parametrize("length", [*range(400, 1_400, 53), 15_999, 16_000, 16_001, 79_999])
def test_the_number_of_frames_is_within_what_s3prl_allows(expert, length) -> None:
    frames = encode(expert, speech([length])).shape[1]
    assert abs(frames - round(length / 320)) < 5  # upstream/interfaces.py, Featurizer
    if length >= 800:  # nn/upstream.py, S3PRLUpstream, pads to 0.05 s and may not have to double
        assert math.ceil(length / 320) // frames == 1


# s3prl itself


@pytest.fixture
def registered() -> None:
    register()


@needs_s3prl
def test_s3prl_lists_our_upstream_among_its_own(registered) -> None:
    from s3prl import hub

    assert ENTRY in hub.options()
    assert "wav2vec2_local" in hub.options()
    assert ENTRY not in hub.options(only_registered_ckpt=True)


@needs_s3prl
def test_registering_twice_changes_nothing(registered) -> None:
    from s3prl import hub

    before = hub.options()
    register()
    assert hub.options() == before


@needs_s3prl
def test_a_program_may_still_ask_for_what_there_is(registered) -> None:
    assert importlib.util.find_spec("torchaudio.sox_effects") is not None


@needs_s3prl
@pytest.mark.parametrize("length", [100, 400, 799, 800, 960, 961, 1_000, 1_039, 1_040, 16_000])
def test_s3prl_takes_clips_of_every_length(registered, checkpoint, length) -> None:
    from s3prl.nn import S3PRLUpstream

    model = S3PRLUpstream(ENTRY, path_or_url=str(checkpoint)).eval()
    states, counts = model(torch.randn(1, length), torch.tensor([length]))
    assert counts[0].tolist() == [math.ceil(length / 320)]
    assert states[-1].shape == (1, math.ceil(length / 320), TINY["embed_dim"])


@needs_s3prl
def test_features_inside_s3prl_do_not_depend_on_the_batch(registered, checkpoint) -> None:
    from s3prl.nn import Featurizer, S3PRLUpstream

    model = S3PRLUpstream(ENTRY, path_or_url=str(checkpoint)).eval()
    assert model.num_layers == NUM_STATES
    assert model.downsample_rates == [320] * NUM_STATES
    assert model.hidden_sizes == [TINY["embed_dim"]] * NUM_STATES
    featurizer, wavs = Featurizer(model), speech([16_000, 900, 9_001])
    padded = torch.nn.utils.rnn.pad_sequence(wavs, batch_first=True)
    lengths = torch.tensor([len(wav) for wav in wavs])
    with torch.no_grad():
        batched, counts = featurizer(*model(padded, lengths))
        assert counts.tolist() == [math.ceil(len(wav) / 320) for wav in wavs]
        for row, wav in enumerate(wavs):
            alone, count = featurizer(*model(wav[None], torch.tensor([len(wav)])))
            torch.testing.assert_close(
                batched[row, : counts[row]], alone[0, : count[0]], rtol=1e-5, atol=1e-5
            )


DOWNSTREAM = """
import torch


class DownstreamExpert(torch.nn.Module):
    '''Tells waveforms of two classes apart by the mean of their features.'''

    def __init__(self, upstream_dim, upstream_rate, expdir, **_):
        super().__init__()
        assert upstream_rate == 320, upstream_rate
        self.linear = torch.nn.Linear(upstream_dim, 2)

    def get_dataloader(self, split):
        generator = torch.Generator().manual_seed(0)
        lengths = (16000, 9000, 12345, 720)
        items = [(0.1 * torch.randn(n, generator=generator).numpy(), n % 2) for n in lengths]
        collate = lambda batch: tuple(map(list, zip(*batch)))
        return torch.utils.data.DataLoader(items, batch_size=2, collate_fn=collate)

    def forward(self, split, features, labels, records, **_):
        means = torch.stack([frames.mean(dim=0) for frames in features])
        loss = torch.nn.functional.cross_entropy(self.linear(means), torch.tensor(labels))
        records["loss"].append(float(loss))
        return loss

    def log_records(self, split, records, logger, global_step, **_):
        print(split, "loss", *records["loss"])
        return []
"""

RUNNER = """
runner:
  total_steps: 3
  gradient_clipping: 1
  gradient_accumulate_steps: 1
  log_step: 1
  eval_step: 3
  save_step: 3
  max_keep: 1
  eval_dataloaders: [dev]
optimizer: {name: TorchOptim, torch_optim_name: Adam, lr: 1.0e-3}
downstream_expert: {}
"""


def _run_downstream(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run s3prl's own program on a downstream task of ours, which it imports as one of its own."""
    task = tmp_path / "downstream_e2v"
    task.mkdir()
    (task / "__init__.py").touch()
    (task / "expert.py").write_text(DOWNSTREAM)
    (tmp_path / "config.yaml").write_text(RUNNER)
    start = (
        "import sys; sys.path.insert(0, '.'); import downstream_e2v.expert as expert\n"
        "sys.modules['s3prl.downstream.e2v.expert'] = expert\n"
        "from emotion2vec.export.s3prl import main; main(sys.argv[1:])"
    )
    command = [
        sys.executable, "-W", "ignore", "-c", start, "s3prl.run_downstream", "-m", "train", "-u", ENTRY,
        "-d", "e2v", "-c", "config.yaml", "-p", "result", "--device", "cpu", *arguments,
    ]  # fmt: skip
    return subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@needs_s3prl
@pytest.mark.slow
@pytest.mark.parametrize(
    "mode", [[], ["-f", "-s", "last_hidden_state"]], ids=["frozen", "fine-tuned"]
)
def test_s3prls_run_downstream_trains_on_our_upstream(checkpoint, tmp_path, mode) -> None:
    done = _run_downstream(tmp_path, "-k", str(checkpoint), *mode)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "dev loss" in done.stdout
    assert "nan" not in done.stdout
    state = torch.load(tmp_path / "result" / "states-3.ckpt", weights_only=False)
    assert ("Upstream" in state) == bool(mode)


def test_the_command_ends_a_users_mistake_as_one_sentence(monkeypatch) -> None:
    monkeypatch.setattr("emotion2vec.export.s3prl_compat.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"^error: s3prl is not installed: "):
        s3prl_export.main(["s3prl.run_downstream"])
    with pytest.raises(SystemExit, match=r"^usage: python -m emotion2vec\.export\.s3prl "):
        s3prl_export.main([])


# the folder


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path) -> Path:
    export_s3prl(read_checkpoint(checkpoint), tmp_path / "model")
    return tmp_path / "model"


def test_torch_hub_loads_the_folder_with_its_own_weights(folder, expert) -> None:
    loaded = torch.hub.load(str(folder), ENTRY, source="local", trust_repo=True).eval()
    wavs = speech(LENGTHS)
    assert torch.equal(encode(loaded, wavs), encode(expert, wavs))


def test_torch_hub_loads_the_repository_with_any_checkpoint(checkpoint, expert) -> None:
    loaded = torch.hub.load(str(REPOSITORY), ENTRY, source="local", ckpt=str(checkpoint)).eval()
    wavs = speech([8_000])
    assert torch.equal(encode(loaded, wavs), encode(expert, wavs))


def test_the_folder_can_be_linked_into_s3prls_upstreams(folder, expert) -> None:
    """s3prl reads `upstream/NAME/hubconf.py` with a star import and takes every callable without underscore."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from model.hubconf import *\n"
        "from model.expert import UpstreamExpert\n"
        "print(sorted(k for k, v in globals().items() if callable(v) and not k.startswith('_')))\n"
        "assert UpstreamExpert().encoder.state_dict().keys() == emotion2vec_local().encoder.state_dict().keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder.parent)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "['UpstreamExpert', 'emotion2vec_local']"


def test_the_folder_holds_the_student_only(folder) -> None:
    tensors = read_checkpoint(folder).tensors
    assert all(name.startswith("student.") for name in tensors)


def test_a_folder_that_is_there_stays_unless_it_may_be_replaced(folder, checkpoint) -> None:
    with pytest.raises(ExportError, match="is there already and stays as it is"):
        export_s3prl(read_checkpoint(checkpoint), folder)
    export_s3prl(read_checkpoint(checkpoint), folder, overwrite=True)


def test_the_folder_is_written_whole_or_not_at_all(checkpoint, tmp_path, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(s3prl_export, "write_text", fail)
    with pytest.raises(ExportError, match=r"model: cannot be written \(no space\); what was there"):
        export_s3prl(read_checkpoint(checkpoint), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_s3prl_itself_lacks_is_named(monkeypatch) -> None:
    def missing() -> None:
        raise ModuleNotFoundError("No module named 'requests'", name="requests")

    monkeypatch.setattr("emotion2vec.export.s3prl_compat.find_spec", lambda name: object())
    monkeypatch.setattr("emotion2vec.export.s3prl_compat._import_hub", missing)
    message = (
        r"^s3prl cannot be imported: requests is not installed; pip install emotion2vec\[s3prl\]$"
    )
    with pytest.raises(ExportError, match=message):
        register()


def test_what_stands_in_for_a_removed_name_refuses_to_work() -> None:
    module = ModuleType("package")
    module.kept = 1
    s3prl_compat._stand_in(module, "kept", "Removed")
    assert module.kept == 1
    message = r"^package\.Removed is no longer part of the installed release; s3prl asked for it$"
    with pytest.raises(RuntimeError, match=message):
        module.Removed("anything")
