#!/usr/bin/env bash
# Everything once, on a small SYNTHETIC corpus: pre-train, extract, probe, report.
set -euo pipefail

scripts="$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
started=$SECONDS

fail() {
    printf 'error: %s\n' "$1" >&2
    exit "${2:-1}"
}

usage() {
    cat <<USAGE
usage: scripts/quickstart.sh [OUT]

Makes everything below OUT (default: quickstart), on a CPU and without any data of yours:
    corpus/    480 utterances of SYNTHETIC speech in four emotions, by eSpeak NG
    manifest/  their manifest
    pretrain/  a tiny emotion2vec pre-trained on them through fairseq-hydra-train
    features/  features of it, of the same model untrained, and log-mel statistics
    probe/     a linear probe on each, no speaker in two parts
    report.html
Run it again to continue where it stopped.
USAGE
}

case "${1:-}" in
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
esac
[ "$#" -le 1 ] || { usage >&2 && exit 2; }

step() {
    printf '[%d/7] %s\n' "$1" "$2"
}

# Count the updates of a running pre-training on a terminal.
show_updates() {
    while sleep 2; do
        printf '\r      update %s ' "$(grep -o '"num_updates": "[0-9]*"' "$1" 2>/dev/null | tail -n 1 | tr -dc '0-9')" >&2
    done
}

# A training's long output goes to a file; its end is shown when it fails.
pretrain() {
    local log="$out/logs/pretrain.txt" watcher status=0
    if [ -t 2 ]; then
        show_updates "$out/pretrain/train.log" &
        watcher=$!
        # shellcheck disable=SC2064 # the watcher of now
        trap "kill $watcher 2>/dev/null || true" EXIT
    fi
    bash "$scripts/pretrain.sh" "$@" >"$log" 2>&1 || status=$?
    if [ -n "${watcher:-}" ]; then
        kill "$watcher" 2>/dev/null || true
        printf '\r\033[K' >&2
    fi
    if [ "$status" -ne 0 ]; then
        tail -n 15 "$log" >&2
        fail "pre-training failed; all it said is in $log"
    fi
}

# Pre-training writes a checkpoint when it is interrupted and then ends as if all were well.
trap 'fail "interrupted; run this again to continue" 130' INT TERM

step 1 "set-up of .venv (minutes the first time)"
# shellcheck source=scripts/setup_env.sh
source "$scripts/setup_env.sh" || exit 1

out="${1:-quickstart}"
mkdir -p -- "$out" || fail "cannot make the folder ${out@Q}; give another one"
out="$(cd -P -- "$out" && pwd)"
mkdir -p "$out/logs" "$out/probe"

step 2 "synthetic speech: 8 eSpeak NG voices, 4 emotions"
emotion2vec synthesize --out "$out/corpus"

step 3 "manifest"
emotion2vec prepare folder --root "$out/corpus" --out "$out/manifest" \
    --speaker-pattern '(?P<speaker>[a-z]+)_[0-9]+\.wav$'

step 4 "pre-training of a tiny emotion2vec (minutes; its log: $out/pretrain/train.log)"
mkdir -p "$out/pretrain"
pretrain quickstart_cpu \
    task.data="$out/manifest" checkpoint.save_dir="$out/pretrain"
checkpoint="$out/pretrain/checkpoint_last.pt"
[ -s "$checkpoint" ] || fail "pre-training ended without $checkpoint; see $out/logs/pretrain.txt"

extract() { # NAME CHECKPOINT
    emotion2vec extract --checkpoint "$2" --manifest "$out/manifest/all.tsv" --out "$out/features/$1" --overwrite
}
step 5 "features: pre-trained, untrained, log-mel"
extract pretrained "$checkpoint"
extract untrained "untrained:$checkpoint"
extract logmel logmel

step 6 "linear probe on each, speaker-independent folds"
for name in pretrained untrained logmel; do
    last_line="$(emotion2vec probe --config-dir "$scripts/../config/probe" --config-name quickstart_speaker \
        "features='$out/features/$name'" "hydra.run.dir='$out/probe/$name'" | tail -n 1)"
    printf '%s: %s\n' "$name" "$last_line"
done

step 7 "report (all took $((SECONDS - started)) s so far)"
emotion2vec report "tiny emotion2vec, pre-trained=$out/probe/pretrained" "the same, untrained=$out/probe/untrained" \
    "log-mel statistics=$out/probe/logmel" --train-log "$out/pretrain/train.log" \
    --title "emotion2vec quickstart (SYNTHETIC data)" --out "$out/report.html"
