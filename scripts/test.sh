#!/usr/bin/env bash
# Set up .venv if needed and run the tests.
#
# usage: scripts/test.sh [PYTEST ARGUMENTS]     paths are relative to the repository root
set -euo pipefail

scripts="$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/setup_env.sh
source "$scripts/setup_env.sh"

# Two test processes on small tensors: threads inside each would only fight over the cores.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" MKL_NUM_THREADS="${MKL_NUM_THREADS:-1}"
cd "$scripts/.."
if [ "$#" -eq 0 ]; then
    set -- -n 2 --dist loadfile -q
fi
exec python -m pytest "$@"
