"""Options of a fairseq checkpoint are parsed, never evaluated, and limited."""

from pathlib import Path
from typing import Any

import pytest

from emotion2vec.errors import CheckpointError
from emotion2vec.features.baselines.wav2vec_config import Wav2VecOptions, read_options
from emotion2vec.features.upstreams import load_upstream
from tests.features.small_models import VQ, write_wav2vec

FILE = Path("a.pt")


def options_of(**options: Any) -> Wav2VecOptions:
    """Read a file that names these options and the layers of the encoder."""
    args = {"conv_feature_layers": "[(8, 10, 5)]", **options}
    return read_options(FILE, {"model": {}, "args": args})


def test_options_that_an_old_file_does_not_name_are_fairseqs_defaults_of_then() -> None:
    options = options_of()
    assert options.conv_feature_layers == ((8, 10, 5),)
    assert options.conv_aggregator_layers == ((512, 3, 1),) * 9
    assert (options.activation, options.vq_type, options.residual_scale) == ("relu", "none", 0.5)
    assert not options.skip_connections_agg
    assert not options.log_compression


def test_layers_may_be_a_list_or_its_text() -> None:
    assert options_of(conv_feature_layers=[[8, 10, 5], [4, 3, 2]]) == options_of(
        conv_feature_layers="[(8, 10, 5), (4, 3, 2)]"
    )


def test_layers_may_be_sums_and_multiples_as_fairseqs_defaults_are() -> None:
    text = "[(512, 10, 5)] + [(512, 8, 4)] + [(512, 4, 2)] * 3"
    assert options_of(conv_feature_layers=text).conv_feature_layers == tuple(eval(text))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"conv_feature_layers": "__import__('os').abort()"},
            r"option conv_feature_layers is \"__import__\('os'\)",
        ),
        ({"conv_feature_layers": "[(8, 10)]"}, "option conv_feature_layers is"),
        ({"conv_feature_layers": "[(8, 1, 1)] * 64 * 64 * 64"}, "option conv_feature_layers is"),
        ({"conv_feature_layers": "[(8, 1, 1)] - [(8, 1, 1)]"}, "option conv_feature_layers is"),
        ({"conv_feature_layers": "[(8, 1, 1)] * 9.5"}, "option conv_feature_layers is"),
        ({"conv_feature_layers": "[]"}, "option conv_feature_layers is"),
        ({"conv_feature_layers": "[" * 5000}, "option conv_feature_layers is"),
        ({"conv_feature_layers": "[(8, 10, 0)]"}, "option conv_feature_layers is"),
        ({"conv_feature_layers": "[(999999999, 10, 5)]"}, "option conv_feature_layers is"),
        ({"conv_aggregator_layers": [(8, 1, 1)] * 65}, "option conv_aggregator_layers is"),
        (
            {"residual_scale": "half"},
            "option residual_scale is 'half', expected something like 0.5",
        ),
        (
            {"activation": "tanh"},
            r"option activation is 'tanh', expected one of \('relu', 'gelu'\)",
        ),
        ({"aggregator": "gru"}, "option aggregator is 'gru', expected one of"),
        ({"vq_type": "vae"}, "option vq_type is 'vae'"),
        ({"vq_groups": 0}, r"option vq_groups is 0, expected one of range\(1, 65\)"),
        ({"vq_dim": float("inf")}, "option vq_dim is 'inf', expected something like 0"),
        ({"vq_depth": 10**9}, "option vq_depth is 1000000000"),
    ],
)
def test_options_that_mean_nothing_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(CheckpointError, match=f"a.pt: its {words}"):
        options_of(**options)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"model": {}, "args": None},
        {"model": {}, "args": {"arch": "transformer"}},
        {"args": {"conv_feature_layers": "[(8, 10, 5)]"}},
        {"model": {}, "cfg": {"model": {"_name": "hubert"}}},
    ],
)
def test_other_checkpoints_are_told_apart(state: dict[str, Any]) -> None:
    with pytest.raises(
        CheckpointError, match="not a fairseq checkpoint of wav2vec or vq-wav2vec.*wav2vec_large.pt"
    ):
        read_options(FILE, state)


@pytest.mark.parametrize(
    "options",
    [
        {**VQ, "vq_type": "kmeans", "vq_groups": 3},
        {**VQ, "vq_type": "gumbel", "residual_scale": -1.0},
    ],
)
def test_options_that_exclude_each_other_are_one_sentence(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    path = write_wav2vec(tmp_path / "a.pt", {}, **options)
    with pytest.raises(CheckpointError, match="a.pt: its options are impossible together"):
        load_upstream(f"vq_wav2vec:{path}")
