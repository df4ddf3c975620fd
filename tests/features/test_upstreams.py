"""Names and paths of upstreams, and the sentences for those that mean nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from emotion2vec.errors import CheckpointError, ConfigError
from emotion2vec.features.baselines.catalogue import BASELINES
from emotion2vec.features.upstreams import load_upstream, resolve_device
from tests.features.fakes import random_waveforms
from tests.helpers.checkpoints import write_checkpoint


@pytest.mark.parametrize("name", ["no_such.pt", "wavlm_huge", "untrained:no_such.pt"])
def test_an_unknown_checkpoint_is_refused_by_name(name: str) -> None:
    with pytest.raises(
        CheckpointError, match=rf"no checkpoint '{name.removeprefix('untrained:')}'.*logmel"
    ):
        load_upstream(name)


def test_untrained_has_the_architecture_and_other_weights_the_same_each_time(
    tmp_path: Path,
) -> None:
    path = write_checkpoint(tmp_path / "a.pt")
    trained, first, second = (
        load_upstream(name) for name in (path, f"untrained:{path}", f"untrained:{path}")
    )
    (waveform,) = random_waveforms(2000)
    states = [
        upstream.encode(waveform[None], None).layers[-1] for upstream in (trained, first, second)
    ]
    assert torch.equal(states[1], states[2])
    assert not torch.allclose(states[0], states[1])
    assert first.identity.kind == "untrained"
    assert first.name == "untrained (a.pt)"


def test_untrained_leaves_the_random_numbers_of_the_program_alone(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.pt")
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    load_upstream(path)
    assert torch.equal(torch.rand(1), expected)


def test_device_words_are_checked() -> None:
    with pytest.raises(ConfigError, match="device must be auto, cpu or cuda, but is 'tpu'"):
        resolve_device("tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(ConfigError, match="finds no CUDA device"):
        resolve_device("cuda")


def test_a_folder_called_like_a_baseline_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logmel").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_upstream("logmel").name == "logmel"


@pytest.mark.parametrize("name", ["logmel", "mfcc", "egemaps"])
def test_descriptors_refuse_bfloat16_and_files(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is computed in float32 only"):
        load_upstream(name, dtype="bfloat16")
    with pytest.raises(CheckpointError, match=f"{name} has no weights, so '{name}:a.pt' means"):
        load_upstream(f"{name}:a.pt")


def test_a_name_with_a_colon_and_nothing_behind_it_is_no_baseline() -> None:
    with pytest.raises(CheckpointError, match="no checkpoint 'wavlm_base:'"):
        load_upstream("wavlm_base:")


def test_an_unknown_name_is_answered_with_all_names() -> None:
    with pytest.raises(CheckpointError) as caught:
        load_upstream("wavlm")
    assert [name for name in BASELINES if repr(name) not in str(caught.value)] == []


def test_the_names_are_known_without_torch_and_the_registry_without_their_packages() -> None:
    program = (
        "import sys\n"
        "import emotion2vec.features.baselines.catalogue\n"
        "print('torch' in sys.modules)\n"
        "import emotion2vec.features.upstreams\n"
        "print(sorted({'torchaudio', 'opensmile', 'fairseq', 'pandas'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "False\n[]\n", done.stderr


@pytest.mark.parametrize("name", BASELINES)
def test_the_page_on_features_has_a_row_for_every_baseline_with_its_file(name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "features.md").read_text("utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
    url = BASELINES[name].url
    assert row.endswith(f"| `{url.rpartition('/')[2]}` |" if url else "| - |")
