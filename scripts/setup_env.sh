# shellcheck shell=bash
# Sourced by quickstart.sh and test.sh: makes .venv in the repository root if it is missing or out of date,
# then puts its programs first on PATH. Does nothing but that when everything is in place.
#
#   EMOTION2VEC_PYTHON   Python to use instead of the first of python3.12, python3.11, python3, python that fits
#   EMOTION2VEC_EXTRAS   extras of setup.py to install (default: those that the quickstart and the tests need)

_e2v_root="$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
_e2v_venv="$_e2v_root/.venv"
_e2v_extras="${EMOTION2VEC_EXTRAS:-dev,evaluation,export,onnx,quickstart,video}"

_e2v_error() {
    printf 'error: %s\n' "$1" >&2
    return 1
}

# A version manager's shim may lie on PATH and still start nothing: ask the program itself.
_e2v_fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1
}

_e2v_find_python() {
    local candidate
    for candidate in ${EMOTION2VEC_PYTHON:+"$EMOTION2VEC_PYTHON"} python3.12 python3.11 python3 python; do
        if _e2v_fits "$candidate"; then
            printf '%s\n' "$candidate"
            return 0
        elif [ "$candidate" = "${EMOTION2VEC_PYTHON:-}" ]; then
            break
        fi
    done
    local found
    found="$("${EMOTION2VEC_PYTHON:-python3}" --version 2>&1)" || found="no working Python"
    _e2v_error "emotion2vec needs Python 3.11 or 3.12; found ${found:-no working Python}. Install python3.12 \
(with its venv module) or set EMOTION2VEC_PYTHON to one, and run this again."
}

_e2v_check_machine() {
    if [ "$(uname -s)" != Linux ]; then
        _e2v_error "emotion2vec runs on Linux only; this is $(uname -s). Use a Linux machine, a container or WSL 2."
    elif [ "$(uname -m)" != x86_64 ]; then
        _e2v_error "emotion2vec needs an x86_64 machine (ve-fairseq has no wheels for others); this is $(uname -m)."
    fi
}

# Whatever decides what is installed, in one line. An environment cannot be moved: its path is part of it.
_e2v_fingerprint() {
    local sums
    sums="$(cat "$_e2v_root/setup.py" "$_e2v_root/constraints.txt" | sha256sum | cut -d ' ' -f 1)"
    printf '%s %s %s\n' "$sums" "$_e2v_extras" "$_e2v_root"
}

_e2v_create_venv() {
    local python
    python="$(_e2v_find_python)" || return 1
    echo "set-up: making .venv with $("$python" --version)" >&2
    "$python" -m venv --clear "$_e2v_venv" >&2 || _e2v_error "$python could not make a virtual environment; \
install its venv module (on Debian and Ubuntu the package python3.12-venv or python3.11-venv) and run this again."
}

# True where .venv holds a Python of ours that starts, has pip and was made at this place.
_e2v_venv_is_usable() {
    _e2v_fits "$_e2v_venv/bin/python" || return 1
    "$_e2v_venv/bin/python" -m pip --version >/dev/null 2>&1 || return 1
    [ ! -e "$_e2v_venv/.emotion2vec" ] || [ "$(cut -d ' ' -f 3- "$_e2v_venv/.emotion2vec")" = "$_e2v_root" ]
}

# torch goes first, alone and pinned: nothing that comes later may bring another one. pip would compile 24,000 files on
# one core for two minutes; all cores do it at the end.
_e2v_install() {
    local torch pip=("$_e2v_venv/bin/python" -m pip install --disable-pip-version-check --no-input --no-compile)
    [ -t 2 ] || pip+=(--quiet)
    pip+=(--constraint constraints.txt)
    torch="$(grep '^torch==' constraints.txt)" || return 1
    "${pip[@]}" setuptools "$torch" >&2 || return 1
    "${pip[@]}" --no-build-isolation --editable ".[$_e2v_extras]" >&2 || return 1
    # some packages hold files for other Pythons: those that fail are not needed
    PYTHONWARNINGS=ignore "$_e2v_venv/bin/python" -m compileall -qq -j 0 "$_e2v_venv/lib" >&2 || true
}

_e2v_set_up() {
    local fingerprint
    _e2v_check_machine || return 1
    fingerprint="$(_e2v_fingerprint)" || return 1
    if _e2v_venv_is_usable; then
        [ "$fingerprint" != "$(cat "$_e2v_venv/.emotion2vec" 2>/dev/null)" ] || return 0
    else
        _e2v_create_venv || return 1
    fi
    # The mark is written last: a set-up that was interrupted is continued by the next one.
    rm -f "$_e2v_venv/.emotion2vec"
    echo "set-up: installing the packages of constraints.txt into .venv (minutes the first time)" >&2
    (cd "$_e2v_root" && _e2v_install) || {
        _e2v_error "the packages could not be installed; mend what pip says above and run this again, it continues."
        return 1
    }
    printf '%s\n' "$fingerprint" >"$_e2v_venv/.emotion2vec"
}

_e2v_set_up || return 1

export VIRTUAL_ENV="$_e2v_venv"
export PATH="$_e2v_venv/bin:$PATH"
unset PYTHONHOME
