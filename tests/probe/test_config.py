"""The probe's settings: problems listed together; each protocol of the project is sound."""

from pathlib import Path

import pytest

from emotion2vec.errors import ConfigError
from emotion2vec.probe.config import ProbeConfig
from emotion2vec.probe.run import compose_config

PROTOCOLS = Path(__file__).resolve().parents[2] / "config" / "probe"
NAMES = sorted(path.stem for path in PROTOCOLS.glob("*.yaml"))


def test_defaults_are_the_authors_recipe() -> None:
    config = ProbeConfig()
    config.validate()
    assert (config.hidden_dim, config.epochs, config.batch_size, config.step_size_up) == (
        256,
        100,
        128,
        10,
    )
    assert (config.lr, config.max_lr, config.momentum) == (5e-4, 1e-3, 0.9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rule": "x", "epochs": 0}, "rule must be one of.*epochs must be at least 1"),
        ({"lr": 1.0}, r"lr must be > 0 and at most max_lr=0\.001, but is 1\.0"),
        ({"momentum": 0.5}, r"base_momentum=0\.8 and momentum=0\.5"),
        ({"seeds": []}, r"seeds must be one or more different numbers, but are \[\]"),
        ({"seeds": [1, 1]}, "seeds must be one or more different numbers"),
        ({"layer": "first"}, "layer must be one of .*last4.* or a position from 0, but is 'first'"),
        ({"head": "lstm"}, "head must be one of .*gru"),
        (
            {"optimizer": "sgd", "schedule": "x"},
            "optimizer must be one of.*schedule must be one of",
        ),
        ({"steps": -1, "eval_steps": 0}, "eval_steps must be at least 1.*steps must not be neg"),
        (
            {"lr_search": [0.1, 0.1]},
            r"lr_search must be different numbers > 0, but is \[0\.1, 0\.1\]",
        ),
        ({"lr_search": [0.0]}, "lr_search must be different numbers > 0"),
        ({"labels": ["sad"]}, "labels must be none or at least two"),
        ({"valid_fraction": 1.0}, "valid_fraction must lie between 0 and 1"),
        ({"jobs": -1}, "jobs must not be negative"),
        ({"precision": "int8"}, "precision must be one of"),
    ],
)
def test_impossible_values_are_explained(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ProbeConfig(**changes).validate()


# files that are another protocol under their own name: results of one setting share its name
INHERITS = {
    "ravdess_10fold": "ravdess_speech_10fold",
    "ablation_initialisation": "iemocap_5fold",
    "ablation_loss": "iemocap_5fold",
    "ablation_utterance_loss": "iemocap_5fold",
    "ablation_alpha": "iemocap_5fold",
}


@pytest.mark.parametrize(("name", "other"), INHERITS.items())
def test_an_inheriting_protocol_is_the_other_one(name: str, other: str) -> None:
    assert compose_config(PROTOCOLS, name, [])[0] == compose_config(PROTOCOLS, other, [])[0]


def test_superb_is_its_published_recipe_on_the_sessions_of_iemocap() -> None:
    config, sessions = (
        compose_config(PROTOCOLS, name, [])[0] for name in ("superb_er", "iemocap_5fold")
    )
    assert (config.head, config.layer, config.optimizer) == ("superb", "weighted", "adam")
    assert (config.schedule, config.lr, config.batch_size) == ("constant", 1e-4, 32)
    assert (config.steps, config.eval_steps, config.max_grad_norm) == (30000, 1000, 1.0)
    assert (config.fold_file, config.labels) == (sessions.fold_file, sessions.labels)


@pytest.mark.parametrize("name", NAMES)
def test_every_protocol_composes_and_is_named_like_its_file(name: str, tmp_path: Path) -> None:
    config, run_dir = compose_config(
        PROTOCOLS, name, ["features=x", f"hydra.run.dir={tmp_path}", "seeds=[5,6]"]
    )
    assert (config.protocol, config.features, config.seeds, run_dir) == (
        INHERITS.get(name, name),
        "x",
        [5, 6],
        tmp_path,
    )


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("urdu", "epochs=1", r"no protocol 'urdu' in .*urdu_10fold"),
        ("urdu_10fold", "epoch=1", "epoch"),
        ("urdu_10fold", "epochs=many", "epochs"),
        ("urdu_10fold", "epochs", "epochs"),
        ("urdu_10fold", "epochs=0", "epochs must be at least 1"),
    ],
)
def test_wrong_overrides_are_explained(name: str, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compose_config(PROTOCOLS, name, [override])


def test_the_run_folder_is_dated_by_default() -> None:
    _, run_dir = compose_config(PROTOCOLS, "official", [])
    assert run_dir.parts[0] == "outputs"
