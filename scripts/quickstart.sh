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

# Long output goes to a file; its end is shown when the program fails.
quietly() {
    local log="$1"
    shift
    if ! "$@" >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        fail "this step failed; all it said is in $log"
    fi
}

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
quietly "$out/logs/pretrain.txt" bash "$scripts/pretrain.sh" quickstart_cpu \
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
    printf '%s: ' "$name"
    emotion2vec probe --config-dir "$scripts/../config/probe" --config-name quickstart_speaker \
        features="$out/features/$name" hydra.run.dir="$out/probe/$name" 2>"$out/logs/probe_$name.txt" |
        tail -n 1 || fail "the probe failed: $(tail -n 1 "$out/logs/probe_$name.txt")"
done

step 7 "report (all took $((SECONDS - started)) s so far)"
emotion2vec report "$out"/probe/{pretrained,untrained,logmel}/result.json --train-log "$out/pretrain/train.log" \
    --title "emotion2vec quickstart (SYNTHETIC data)" --out "$out/report.html"
