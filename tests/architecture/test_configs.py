"""Every YAML file merges into the dataclasses, and every launch keeps the paper's effective batch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from tests.architecture.sources import ROOT

# Hydra's advice to fairseq about Hydra's next version is not ours to follow.
pytestmark = [pytest.mark.fairseq, pytest.mark.filterwarnings("ignore")]

PRETRAINING = ROOT / "config" / "pretraining"
CONFIGS = sorted(path.stem for path in PRETRAINING.glob("*.yaml"))
RUN_CONFIGS = sorted(path.stem for path in (ROOT / "config" / "run_config").glob("*.yaml"))

# Each row: number of GPUs as the launch sees it.
NUM_GPUS = {"gpu_1": 1, "gpu_4": 4, "multinode_torchrun": 16, "slurm": 4}

# What each row of Tables 8 to 11 (and the released run) changes; everything else is the run it is added to.
ABLATIONS = {
    "cold_start": {},
    "token": {"model.utterance_method": "token", "model.num_utterance_tokens": 1},
    "global": {"model.utterance_method": "global", "model.num_utterance_tokens": 0},
    "frame_only": {"model.utterance_loss_weight": 0.0, "model.num_utterance_tokens": 0},
    "utterance_only": {"model.frame_loss_weight": 0.0},
    "alpha_0.1": {"model.utterance_loss_weight": 0.1},
    "alpha_10": {"model.utterance_loss_weight": 10.0},
    "data2vec": {"model.backbone": "data2vec", "model.clone_batch": 1},
    "released": {
        "model.utterance_target_norm": "instance",
        "model.utterance_loss_reduction": "sum",
        "model.teacher_init": "checkpoint",
    },
}


@pytest.fixture(autouse=True)
def _torchrun_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "16", "RANK": "9", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def compose() -> Iterator[Any]:
    """Compose as `fairseq-hydra-train --config-dir config/pretraining --config-name NAME OVERRIDES`."""
    import hydra
    from fairseq.dataclass.initialize import hydra_init
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra

    import emotion2vec.fairseq_plugin  # noqa: F401

    def call(name: str, *overrides: str) -> DictConfig:
        hydra_init(name)  # stores fairseq's schema under this name; a process knows one
        for other in set(CONFIGS) - {name}:
            ConfigStore.instance().repo.pop(f"{other}.yaml", None)
        with hydra.initialize_config_dir(str(PRETRAINING), version_base="1.1"):
            return hydra.compose(name, overrides=list(overrides))

    yield call
    GlobalHydra.instance().clear()


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=True)


def test_the_paper_and_each_row_of_its_ablations_have_a_config() -> None:
    expected = {
        "emotion2vec_base",
        "emotion2vec_base_released",
        "emotion2vec_base_data2vec",
        "data2vec",
        "data2vec2",
        "debug_cpu",
        "quickstart_cpu",
        "small_cpu",
    }
    assert set(CONFIGS) == expected
    assert {path.stem for path in (PRETRAINING / "ablation").glob("*.yaml")} == set(ABLATIONS)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("group", ["task", "model", "criterion"])
def test_every_key_is_a_field_of_our_dataclasses(compose: Any, name: str, group: str) -> None:
    from fairseq.criterions import CRITERION_DATACLASS_REGISTRY
    from fairseq.models import MODEL_DATACLASS_REGISTRY
    from fairseq.tasks import TASK_DATACLASS_REGISTRY

    registries = {
        "task": TASK_DATACLASS_REGISTRY,
        "model": MODEL_DATACLASS_REGISTRY,
        "criterion": CRITERION_DATACLASS_REGISTRY,
    }
    node = compose(name)[group]
    known = registries[group][node._name]
    merged = OmegaConf.merge(OmegaConf.structured(known), node)  # raises on a key that no field has
    assert merged._name == node._name


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("group", ["optimizer", "lr_scheduler"])
def test_every_key_is_a_field_of_fairseqs_dataclasses(compose: Any, name: str, group: str) -> None:
    from fairseq.optim import OPTIMIZER_DATACLASS_REGISTRY
    from fairseq.optim.lr_scheduler import LR_SCHEDULER_DATACLASS_REGISTRY

    registries = {
        "optimizer": OPTIMIZER_DATACLASS_REGISTRY,
        "lr_scheduler": LR_SCHEDULER_DATACLASS_REGISTRY,
    }
    node = compose(name)[group]
    merged = OmegaConf.merge(OmegaConf.structured(registries[group][node._name]), node)
    assert merged._name == node._name


def _flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Flatten a composed config to {"model.depth": 8, ...}; unresolved interpolations stay text."""
    flat: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


@pytest.mark.parametrize("config", ["emotion2vec_base", "small_cpu"])
@pytest.mark.parametrize("name", sorted(ABLATIONS))
def test_an_ablation_changes_its_one_setting_and_nothing_else(
    compose: Any, config: str, name: str
) -> None:
    base, ablation = (
        _flat(OmegaConf.to_container(compose(config, *overlay), resolve=False))
        for overlay in ([], [f"+ablation={name}"])
    )
    changed = {k: v for k, v in ablation.items() if k not in base or base[k] != v}
    changed.pop("model.init_from", None)  # absent and null are the same: a cold start
    assert base.keys() <= ablation.keys()
    assert changed == ABLATIONS[name]


@pytest.mark.parametrize("name", sorted(ABLATIONS))
def test_every_key_of_an_ablation_is_a_field_of_the_model(compose: Any, name: str) -> None:
    from fairseq.models import MODEL_DATACLASS_REGISTRY

    node = compose("emotion2vec_base", f"+ablation={name}").model
    merged = OmegaConf.merge(OmegaConf.structured(MODEL_DATACLASS_REGISTRY[node._name]), node)
    assert {key: merged[key] for key in node} == dict(node)


def test_the_released_config_is_the_released_launch(compose: Any) -> None:
    """Hydra lets a config's own schema win over what `defaults` brings, depending on their order."""
    config = compose("emotion2vec_base_released")
    assert (config.dataset.max_tokens, list(config.optimization.update_freq)) == (600_000, [6])
    assert (config.optimization.max_update, list(config.optimization.lr)) == (100_000, [7.5e-5])
    assert {k: config.model[k.removeprefix("model.")] for k in ABLATIONS["released"]} == ABLATIONS[
        "released"
    ]


def test_the_base_config_is_the_papers_schedule(compose: Any) -> None:
    config = compose("emotion2vec_base")
    assert (config.optimization.max_epoch, config.optimization.max_update) == (100, 0)
    assert list(config.optimization.lr) == [7.5e-5]


def test_the_data2vec_config_is_the_base_run_on_the_other_backbone(compose: Any) -> None:
    base, config = (
        _flat(OmegaConf.to_container(compose(name), resolve=False))
        for name in ("emotion2vec_base", "emotion2vec_base_data2vec")
    )
    changed = {k: v for k, v in config.items() if k not in base or base[k] != v}
    assert base.keys() <= config.keys()
    assert changed == {
        "model.backbone": "data2vec",
        "model.prenet_depth": 0,
        "model.depth": 12,
        "model.clone_batch": 1,
        "checkpoint.save_dir": "checkpoints/emotion2vec_base_data2vec",
    }


def _published(path: str) -> DictConfig:
    """Read one of the configs that the installed fairseq ships."""
    import fairseq.examples

    folder = Path(str(fairseq.examples.__file__)).parent / "data2vec" / "config"
    published = OmegaConf.load(folder / path)
    assert isinstance(published, DictConfig)
    return published


def _launch(config: Any) -> dict[str, Any]:
    """Return the settings of a plain baseline that have the same name here and in fairseq's config."""
    return {
        "max_tokens": config.dataset.max_tokens,
        "min_sample_size": config.task.min_sample_size,
        "num_gpus": config.distributed_training.distributed_world_size,
        "max_update": config.optimization.max_update,
        "lr": list(config.optimization.lr),
    }


def _model(config: DictConfig) -> Any:
    """Fill a composed model node with the defaults."""
    from fairseq.models import MODEL_DATACLASS_REGISTRY

    schema = OmegaConf.structured(MODEL_DATACLASS_REGISTRY[config.model._name])
    return OmegaConf.merge(schema, config.model)


def test_the_plain_data2vec_config_is_the_published_one(compose: Any) -> None:
    published = _published("audio/pretraining/base_librispeech.yaml")
    config = compose("data2vec")
    assert _launch(config) == _launch(published)
    assert config.lr_scheduler._name == published.lr_scheduler._name == "tri_stage"
    assert list(config.lr_scheduler.phase_ratio) == list(published.lr_scheduler.phase_ratio)
    ours, theirs = _model(config), published.model
    for name in (
        "mask_prob", "mask_length", "average_top_k_layers", "ema_decay", "ema_end_decay", "ema_anneal_end_step",
    ):  # fmt: skip
        assert ours[name] == theirs[name], name
    assert (ours.embed_dim, ours.layerdrop) == (theirs.encoder_embed_dim, theirs.encoder_layerdrop)
    assert (ours.conv_pos_width, ours.conv_pos_depth) == (theirs.conv_pos, theirs.pos_conv_depth)
    assert (ours.backbone, ours.prenet_depth, ours.depth) == ("data2vec", 0, 12)
    assert (ours.mask_rule, ours.clone_batch, ours.frame_target_norm) == ("spans", 1, "instance")


def test_the_plain_data2vec2_config_is_the_published_one(compose: Any) -> None:
    published = _published("v2/base_audio_only_task.yaml")
    config = compose("data2vec2")
    assert _launch(config) == _launch(published)
    warmup_updates = config.lr_scheduler.warmup_ratio * config.optimization.max_update
    assert warmup_updates == published.lr_scheduler.warmup_updates
    ours, theirs, audio = _model(config), published.model, published.model.modalities.audio
    for name in (
        "embed_dim", "clone_batch", "average_top_k_layers", "layerdrop", "norm_eps", "ema_decay", "ema_end_decay",
        "ema_anneal_end_step",
    ):  # fmt: skip
        assert ours[name] == theirs[name], name
    for name in (
        "mask_prob", "mask_length", "mask_prob_adjust", "mask_noise_std", "conv_pos_width", "conv_pos_depth",
        "conv_pos_groups", "prenet_dropout", "prenet_layerdrop",
    ):  # fmt: skip
        assert ours[name] == audio[name], name
    for name in ("dim", "groups", "kernel", "layers"):
        assert ours[f"decoder_{name}"] == audio.decoder[f"decoder_{name}"], name
    assert ours.prenet_depth + ours.depth == theirs.depth + audio.prenet_depth
    assert (ours.backbone, ours.mask_rule) == ("data2vec2", "share")


@pytest.mark.parametrize("name", ["data2vec", "data2vec2"])
def test_a_plain_baseline_has_the_frame_loss_only_and_no_tokens(compose: Any, name: str) -> None:
    model = _model(compose(name))
    weights = (model.frame_loss_weight, model.utterance_loss_weight, model.num_utterance_tokens)
    assert weights == (1.0, 0.0, 0)


def test_every_run_config_is_tested_here() -> None:
    assert {*NUM_GPUS, "local_cpu"} == set(RUN_CONFIGS)


@pytest.mark.parametrize("run_config", ["gpu_1", "gpu_4", "multinode_torchrun"])
def test_every_launch_has_the_papers_effective_batch(compose: Any, run_config: str) -> None:
    config = compose("emotion2vec_base", f"+run_config={run_config}")
    world_size = _plain(config.distributed_training)["distributed_world_size"]
    assert world_size == NUM_GPUS[run_config]
    assert world_size * config.optimization.update_freq[0] == 16


def test_the_base_config_is_four_micro_batches_of_a_million_samples(compose: Any) -> None:
    config = compose("emotion2vec_base")
    assert list(config.optimization.update_freq) == [4]
    assert config.dataset.max_tokens == 1_000_000


def test_torchrun_tells_each_process_its_rank_and_device(compose: Any) -> None:
    config = compose("emotion2vec_base", "+run_config=multinode_torchrun")
    plain = _plain(config.distributed_training)
    assert (plain["distributed_rank"], plain["device_id"]) == (9, 1)
    assert plain["distributed_no_spawn"] is True


def test_the_cpu_launch_is_one_process_without_cuda(compose: Any) -> None:
    config = compose("emotion2vec_base", "+run_config=local_cpu")
    assert config.common.cpu is True
    assert config.distributed_training.distributed_world_size == 1


@pytest.mark.parametrize("run_config", ["gpu_4", "multinode_torchrun", "slurm"])
def test_every_rank_reads_the_checkpoint_itself(run_config: str) -> None:
    config = OmegaConf.load(ROOT / "config" / "run_config" / f"{run_config}.yaml")
    assert config.checkpoint.load_checkpoint_on_all_dp_ranks is True


def test_slurm_asks_for_the_gpus_that_it_trains_on() -> None:
    config = OmegaConf.load(ROOT / "config" / "run_config" / "slurm.yaml")
    gpus = config.hydra.launcher.nodes * config.hydra.launcher.gpus_per_node
    assert gpus == config.distributed_training.distributed_world_size == NUM_GPUS["slurm"]
    assert gpus * config.optimization.update_freq[0] == 16


def test_slurm_composes_with_the_submitit_launcher(compose: Any) -> None:
    pytest.importorskip(
        "hydra_plugins.hydra_submitit_launcher", reason="the extra 'slurm' is not installed"
    )
    config = compose("emotion2vec_base", "+run_config=slurm", "hydra/launcher=submitit_slurm")
    assert config.distributed_training.distributed_port == 29671


def test_run_configs_lie_on_the_search_path_of_the_pretraining_configs() -> None:
    link = PRETRAINING / "run_config"
    assert link.is_symlink()
    assert link.readlink() == Path("../run_config")
