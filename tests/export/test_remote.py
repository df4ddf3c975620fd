"""Models on the hub: fetched from a hub on this machine, pushed through the hub's mixin to a stand-in of its API."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from emotion2vec import Emotion2Vec
from emotion2vec.errors import CheckpointError, ConfigError, ExportError
from emotion2vec.export.card import CardFacts
from emotion2vec.export.funasr import export_funasr
from emotion2vec.export.remote import HubOptions, is_hub_id
from emotion2vec.model.checkpoint import read_checkpoint
from tests.helpers.checkpoints import assert_same, write_checkpoint
from tests.helpers.fake_hub import COMMIT, fake_hub

huggingface_hub = pytest.importorskip("huggingface_hub", reason="needs the extra export")

FETCH = """
import json, sys
from emotion2vec import Emotion2Vec
outcomes = {}
for key, name, options in json.loads(sys.argv[1]):
    try:
        model = Emotion2Vec.from_pretrained(name, device="cpu", **options)
        identity = model.upstream.identity
        outcomes[key] = [model.upstream.name, identity.path, identity.sha256]
    except Exception as error:
        outcomes[key] = f"{type(error).__name__}: {error}"
print("OUTCOMES", json.dumps(outcomes))
"""
FETCHES: list[tuple[str, str, dict[str, Any]]] = [
    ("ours", "user/model", {}),
    ("commit", "user/model", {"revision": COMMIT}),
    ("funasr", "user/funasr", {}),
    ("gated", "user/gated", {}),
    ("missing", "user/none", {}),
    ("no revision", "user/model", {"revision": "v9"}),
    ("empty", "user/empty", {}),
    ("no network wanted", "user/never", {"local_files_only": True}),
]


def _run(fetches: list[tuple[str, str, dict[str, Any]]], url: str, home: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", FETCH, json.dumps(fetches)],
        env={**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes: dict[str, Any] = json.loads(done.stdout.partition("OUTCOMES ")[2])
    return outcomes


@pytest.fixture(scope="module")
def fetched(
    tmp_path_factory: pytest.TempPathFactory,
) -> SimpleNamespace:
    """Fetch all of `FETCHES` from a hub on this machine, then some again when it is gone."""
    root = tmp_path_factory.mktemp("hub")
    (root / "home").mkdir()
    (root / "user" / "empty").mkdir(parents=True)
    path = write_checkpoint(root / "c.pt")
    Emotion2Vec.from_pretrained(path, device="cpu").save_pretrained(root / "user" / "model")
    export_funasr(read_checkpoint(path), root / "user" / "funasr")
    (root / "user" / "model" / "evil.pt").write_bytes(b"not wanted")
    with fake_hub(root) as (url, requests):
        outcomes = _run(FETCHES, url, root / "home")
    later = [("cached", "user/model", {}), ("gone", "user/other", {})]
    outcomes |= _run(later, "http://127.0.0.1:9", root / "home")
    return SimpleNamespace(root=root, outcomes=outcomes, requests=requests)


@pytest.mark.parametrize("key", ["ours", "commit", "cached"])
def test_a_model_is_fetched_and_known_by_its_id(fetched: SimpleNamespace, key: str) -> None:
    digest = read_checkpoint(fetched.root / "user" / "model").sha256
    assert fetched.outcomes[key] == ["user/model", "user/model", digest]


def test_a_folder_for_funasr_is_fetched_too(fetched: SimpleNamespace) -> None:
    assert fetched.outcomes["funasr"][0] == "user/funasr"


def test_nothing_but_weights_and_config_is_fetched(fetched: SimpleNamespace) -> None:
    files = {line.rpartition("/")[2] for line in fetched.requests if "/user/model/resolve/" in line}
    assert files == {"model.safetensors", "config.json"}


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("gated", "model 'user/gated' asks for its terms to be accepted: do so on its page, then `hf auth login`"),
        ("missing", "model 'user/none' is neither a file or folder here nor a model on the hub (or a private one: "),
        ("no revision", "model 'user/model' at 'v9' has no such revision: name a branch, tag or commit of it"),
        ("no network wanted", "model 'user/never' is no file or folder here and not in the cache, and the network must "
         "not be used (local_files_only); name a local folder"),
        ("gone", "model 'user/other' is no file or folder here and not in the cache, and the hub cannot be reached ("),
        ("empty", "model 'user/empty' on the hub holds nothing that can be read here: expected model.safetensors and "),
    ],
)  # fmt: skip
def test_what_cannot_be_fetched_is_one_sentence(
    fetched: SimpleNamespace, key: str, sentence: str
) -> None:
    assert fetched.outcomes[key].startswith("CheckpointError: ")
    assert sentence in fetched.outcomes[key]
    assert "\n" not in fetched.outcomes[key]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("user/model", True),
        ("user/model-1.0_x", True),
        ("runs/checkpoint_last.pt", False),
        ("./model", False),
        ("/models/one", False),
        ("~/model", False),
        ("a/b/c", False),
        ("model", False),
        ("untrained:a/b", False),
        ("data2vec:a/b", False),
        ("user/", False),
        ("../model", False),
    ],
)
def test_what_can_be_an_id(name: str, expected: bool) -> None:
    assert is_hub_id(name) is expected


def test_a_path_wins_over_an_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "user").mkdir()
    path = write_checkpoint(tmp_path / "c.pt")
    Emotion2Vec.from_pretrained(path, device="cpu").save_pretrained(tmp_path / "user" / "model")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert Emotion2Vec.from_pretrained("user/model", device="cpu").source == Path("user/model")
    with pytest.raises(ConfigError, match="revision='v1' is for models on the hub, but 'user/model'"):  # fmt: skip
        Emotion2Vec.from_pretrained("user/model", revision="v1")


def test_without_huggingface_hub_an_id_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    message = "no file or folder 'user/model' here; to look for it on the hub needs huggingface_hub, .*pip install"
    with pytest.raises(CheckpointError, match=message):
        Emotion2Vec.from_pretrained("user/model")
    model = Emotion2Vec.from_pretrained(write_checkpoint(tmp_path / "c.pt"), device="cpu")
    with pytest.raises(CheckpointError, match="putting a model on the hub needs huggingface_hub"):
        model.push_to_hub("user/model")


def test_a_missing_file_is_not_looked_for_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint 'runs/checkpoint_last\.pt'"):
        Emotion2Vec.from_pretrained("runs/checkpoint_last.pt")


@pytest.mark.parametrize("name", ["./runs/base", "runs/base"])
def test_a_path_that_is_missing_is_not_looked_for_on_the_hub(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("emotion2vec.features.extractor.fetch_model", pytest.fail)
    with pytest.raises(CheckpointError, match=r"no checkpoint 'runs/base'"):
        Emotion2Vec.from_pretrained(Path(name))


def test_a_token_is_in_no_error_and_in_no_representation(
    tmp_path: Path, model: Emotion2Vec
) -> None:
    for token in ("hf_secret\n", "hf_secret\N{EN DASH}"):
        with pytest.raises(
            ConfigError, match="^the access token holds blanks, line breaks"
        ) as found:
            Emotion2Vec.from_pretrained("user/model", token=token)
        assert "secret" not in str(found.value)
        with pytest.raises(ConfigError, match="^the access token holds blanks, line breaks"):
            model.push_to_hub("user/model", token=token)
    assert "secret" not in repr(HubOptions(token="hf_secret"))


class _Api:
    """Stand-in of `HfApi`: keeps what it is told."""

    calls: ClassVar[list[tuple[str, dict[str, Any]]]]
    error: ClassVar[Exception | None] = None
    kept: ClassVar[Path]

    def __init__(self, **options: Any) -> None:
        self.calls.append(("api", options))

    def create_repo(self, **options: Any) -> SimpleNamespace:
        self.calls.append(("create", options))
        if self.error is not None:
            raise self.error
        return SimpleNamespace(repo_id=options["repo_id"])

    def upload_folder(self, **options: Any) -> str:
        self.calls.append(("upload", options))
        for path in Path(options["folder_path"]).iterdir():
            (self.kept / path.name).write_bytes(path.read_bytes())
        return "https://hub/user/model/commit/1"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[_Api]:
    monkeypatch.setattr(_Api, "calls", [], raising=False)
    monkeypatch.setattr(_Api, "kept", tmp_path / "pushed", raising=False)
    (tmp_path / "pushed").mkdir()
    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", _Api)
    return _Api


@pytest.fixture
def model(tmp_path: Path) -> Emotion2Vec:
    return Emotion2Vec.from_pretrained(write_checkpoint(tmp_path / "c.pt"), device="cpu")


def test_a_model_is_pushed_as_a_folder_that_can_be_loaded(
    tmp_path: Path, api: type[_Api], model: Emotion2Vec
) -> None:
    url = model.push_to_hub(
        "user/model", card=CardFacts(licence="mit"), token="t", private=True, revision="dev"
    )
    assert url == "https://hub/user/model/commit/1"
    names = {path.name for path in (tmp_path / "pushed").iterdir()}
    assert names == {"model.safetensors", "config.json", "README.md"}
    assert_same(
        read_checkpoint(tmp_path / "pushed").tensors, read_checkpoint(tmp_path / "c.pt").tensors
    )
    again = Emotion2Vec.from_pretrained(tmp_path / "pushed", device="cpu")
    wave = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    np.testing.assert_array_equal(again.extract(wave)[0], model.extract(wave)[0])


def test_what_the_hub_is_told(tmp_path: Path, api: type[_Api], model: Emotion2Vec) -> None:
    model.push_to_hub("user/model", token="t", private=True, revision="dev", commit_message="why")
    calls = dict(api.calls)
    assert calls["api"] == {"token": "t"}
    assert calls["create"] == {"repo_id": "user/model", "private": True, "exist_ok": True}
    upload = {name: calls["upload"][name] for name in ("repo_id", "revision", "commit_message")}
    assert upload == {"repo_id": "user/model", "revision": "dev", "commit_message": "why"}


def test_the_pushed_card_is_ours_and_names_the_id(
    tmp_path: Path, api: type[_Api], model: Emotion2Vec
) -> None:
    model.push_to_hub("user/model")
    card = (tmp_path / "pushed" / "README.md").read_text("utf-8")
    assert 'from_pretrained("user/model")' in card
    assert "\n# model\n" in card
    assert "PytorchModelHubMixin" not in card


def test_errors_of_pushing_are_sentences(
    tmp_path: Path, api: type[_Api], model: Emotion2Vec, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="'model' is no id of the hub; expected USER/MODEL"):
        model.push_to_hub("model")
    monkeypatch.setattr(_Api, "error", ConnectionError("no route to host"))
    with pytest.raises(
        CheckpointError, match=r"'user/model' was not pushed: the hub cannot be reached"
    ):
        model.push_to_hub("user/model")
    metadata = "Invalid metadata in README.md.\n- license must be one of [mit]"
    monkeypatch.setattr(_Api, "error", ValueError(metadata))
    message = (
        r"huggingface_hub \(Invalid metadata in README.md. - license must be one of \[mit\]\)$"
    )
    with pytest.raises(CheckpointError, match=message):
        model.push_to_hub("user/model")
    monkeypatch.setattr(_Api, "error", None)
    (tmp_path / "c.pt").unlink()
    with pytest.raises(CheckpointError, match=r"c\.pt: no such checkpoint"):
        model.push_to_hub("user/model")
    with pytest.raises(ExportError, match="logmel is no checkpoint of emotion2vec"):
        Emotion2Vec.from_pretrained("logmel", device="cpu").push_to_hub("user/model")
