"""The hub: fetches folders from it and puts them there.

In: `user/model` ids. Out: a local folder; or a commit on the hub. Only this file and `mixin.py` know `huggingface_hub`,
and nothing imports it before an id is used.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emotion2vec.errors import CheckpointError, ConfigError

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FILE_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".safetensors", ".onnx", ".wav", ".tsv", ".npy")
_TOKEN = re.compile(r"[!-~]+")
_INSTALL = "pip install huggingface_hub"
# ours; and what folders for FunASR hold, which are read without executing anything
_HUB_FILES = ("model.safetensors", "config.json")
_FUNASR_FILES = ("config.yaml", "configuration.json", "*.pt")

# what is said when the hub knows no such model, and when it cannot be reached
_FETCHING = (
    "is neither a file or folder here nor a model on the hub (or a private one: `hf auth login`)",
    "is no file or folder here and not in the cache, and {}; name a local folder",
)
_PUSHING = (
    "was not pushed: it may not be written; `hf auth login` with a token that may",
    "was not pushed: {}",
)


@dataclass(frozen=True)
class HubOptions:
    """How a model is fetched.

    Attributes:
        revision: Branch, tag or commit; None for the main branch.
        token: Access token; None for the one that `hf auth login` stored.
        cache_dir: Folder of the cache; None for the hub's default.
        local_files_only: Never use the network.
    """

    revision: str | None = None
    token: str | None = field(default=None, repr=False)
    cache_dir: Path | str | None = None
    local_files_only: bool = False

    def __post_init__(self) -> None:
        """Refuse a token that cannot be one: the HTTP library would quote it in its error.

        Raises:
            ConfigError: It holds what no token has.
        """
        if self.token and not _TOKEN.fullmatch(self.token):
            raise ConfigError(
                "the access token holds blanks, line breaks or letters that no token has; copy it again"
            )


def is_hub_id(name: str) -> bool:
    """Tell whether a name that is no existing path can be an id of the hub.

    >>> is_hub_id("user/model"), is_hub_id("runs/checkpoint_last.pt"), is_hub_id("./model"), is_hub_id("model")
    (True, False, False, False)
    """
    return _ID.fullmatch(name) is not None and not name.lower().endswith(_FILE_SUFFIXES)


def fetch_model(repo_id: str, options: HubOptions) -> Path:
    """Fetch a model from the hub, or find it in the cache.

    Args:
        repo_id: `user/model`.
        options: Revision, token, cache.

    Returns:
        A folder that `read_checkpoint` reads.

    Raises:
        CheckpointError: No such file or model, no network, no permission, or nothing in it that can be read.
    """
    download = _import(
        "snapshot_download", f"no file or folder {repo_id!r} here; to look for it on the hub"
    )

    def snapshot(patterns: tuple[str, ...]) -> Path:
        """Fetch the files of these patterns; returns their folder."""
        return Path(
            download(
                repo_id,
                revision=options.revision,
                token=options.token,
                cache_dir=options.cache_dir,
                local_files_only=options.local_files_only,
                allow_patterns=list(patterns),
            )
        )

    folder = _explained(lambda: snapshot(_HUB_FILES), repo_id, options, _FETCHING)
    if not (folder / _HUB_FILES[0]).is_file():
        folder = _explained(lambda: snapshot(_FUNASR_FILES), repo_id, options, _FETCHING)
    if not folder.is_dir():  # nothing fits the patterns, so nothing was stored
        raise CheckpointError(
            f"model {repo_id!r} on the hub holds nothing that can be read here: expected {' and '.join(_HUB_FILES)}, "
            "or a FunASR folder"
        )
    return folder


def push_model(
    write: Callable[[Path], None],
    repo_id: str,
    *,
    token: str | None = None,
    private: bool | None = None,
    revision: str | None = None,
    commit_message: str | None = None,
) -> str:
    """Put a folder on the hub through `huggingface_hub`'s mixin; makes the repository when it is missing.

    Args:
        write: Writes the folder.
        repo_id: `user/model`.
        token: Access token; None for the one that `hf auth login` stored.
        private: The repository is private, when it is made now.
        revision: Branch to commit to.
        commit_message: What the commit says.

    Returns:
        Address of the commit.

    Raises:
        ConfigError: It is no id, or the token cannot be one.
        CheckpointError: No network, no permission.
    """
    if not is_hub_id(repo_id):
        raise ConfigError(f"{repo_id!r} is no id of the hub; expected USER/MODEL")
    options = HubOptions(revision=revision, token=token)
    _import("ModelHubMixin", "putting a model on the hub")
    from emotion2vec.export.mixin import HubFolder

    commit = _explained(
        lambda: HubFolder(write).push_to_hub(
            repo_id,
            token=token,
            private=private,
            branch=revision,
            commit_message=commit_message or "Model exported by emotion2vec",
        ),
        repo_id,
        options,
        _PUSHING,
    )
    return str(commit)


def _import(name: str, purpose: str) -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise CheckpointError(
            f"{purpose} needs huggingface_hub, which is not installed; {_INSTALL}"
        ) from None
    return getattr(huggingface_hub, name)


def _explained(
    action: Callable[[], Any], repo_id: str, options: HubOptions, words: tuple[str, str]
) -> Any:
    """Run what talks to the hub; turn its errors into one sentence each."""
    from huggingface_hub import errors

    # the HTTP library's own: httpx2, httpx or requests, as the version of huggingface_hub has it
    transport_error: type[Exception] = errors.HfHubHTTPError.__bases__[0]
    try:
        return action()
    except errors.GatedRepoError:
        reason = "asks for its terms to be accepted: do so on its page, then `hf auth login`"
    except errors.RevisionNotFoundError:
        reason = "has no such revision: name a branch, tag or commit of it"
    except errors.RepositoryNotFoundError:
        reason = words[0]
    except errors.HfHubHTTPError as error:
        reason = f"was refused by the hub ({_first_line(error)})"
    except (OSError, transport_error) as error:
        if getattr(error, "filename", None):  # of this machine, not of the network
            raise
        cause = (
            "the network must not be used (local_files_only)"
            if options.local_files_only
            else f"the hub cannot be reached ({_first_line(error)})"
        )
        reason = words[1].format(cause)
    except ValueError as error:
        reason = f"was refused by huggingface_hub ({' '.join(str(error).split())[:300]})"
    where = f"{repo_id!r}" + (f" at {options.revision!r}" if options.revision else "")
    raise CheckpointError(f"model {where} {reason}")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:150].rstrip(". ") if lines else type(error).__name__
