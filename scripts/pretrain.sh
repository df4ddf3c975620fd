#!/usr/bin/env bash
# Pre-train: fairseq-hydra-train with the launch that fits the machine.
set -euo pipefail

root="$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
configs="$root/config/pretraining"

fail() {
    printf 'error: %s\n' "$1" >&2
    exit "${2:-1}"
}

list_configs() {
    local file
    for file in "$configs"/*.yaml; do
        [ ! -e "$file" ] || printf '%s ' "$(basename "$file" .yaml)"
    done
}

usage() {
    cat <<USAGE
usage: scripts/pretrain.sh CONFIG [HYDRA OVERRIDES]

CONFIG     a name in config/pretraining, or a path to a YAML file of your own. Names:
           $(list_configs)
OVERRIDES  key=value as fairseq-hydra-train takes them, for example
               task.data=MANIFEST_FOLDER        folder with all.tsv
               checkpoint.save_dir=FOLDER       run the same command again to resume from it
               +run_config=gpu_1                a file of config/run_config
               +ablation=token                  a file of config/pretraining/ablation
           Relative paths in task.data, checkpoint.save_dir, checkpoint.restore_file, model.init_from,
           common.log_file and common.tensorboard_logdir are meant from the current folder.

One process on a machine without GPU, one process per GPU otherwise. NPROC=n: on CPU n processes started by
torchrun, else n of the GPUs. Exit status: 0 done, 1 with one 'error: ...' sentence, 2 wrong usage.
USAGE
}

# Paths and values may hold what Hydra's grammar gives a meaning to: quote them. Backslashes count only before a quote,
# which ends the value too.
quoted() {
    printf "'%s'" "$(printf '%s' "$1" | sed -E "s/(\\\\*)'/\\1\\1\\\\'/g; s/(\\\\+)\$/\\1\\1/")"
}

# Hydra may change the working directory before these are read: make them absolute here.
absolute_override() {
    local key="${1%%=*}" value="${1#*=}" bare
    bare="${key#+}" # +key adds, ++key adds or replaces
    case "${bare#+}" in
        task.data | checkpoint.save_dir | checkpoint.finetune_from_model | model.init_from) ;;
        common.log_file | common.tensorboard_logdir) ;;
        checkpoint.restore_file)
            case "$value" in */*) ;; *) printf '%s' "$1" && return ;; esac
            ;;
        *) printf '%s' "$1" && return ;;
    esac
    case "$value" in
        \'*\' | \"*\") value="${value:1:${#value}-2}" ;;
    esac
    case "$value" in
        '' | null | '???' | *'${'* | *'='*) printf '%s' "$1" && return ;;
        /*) ;;
        '~'/*) value="$HOME/${value:2}" ;;
        *) value="$PWD/$value" ;;
    esac
    printf '%s=%s' "$key" "$(quoted "$value")"
}

count_gpus() {
    # Without a driver's device file there is nothing to ask torch about (importing it takes seconds).
    if [ -e /dev/nvidiactl ] || [ -e /dev/dxg ]; then
        python -P -c 'import torch; print(torch.cuda.device_count())'
    else
        echo 0
    fi
}

case "${1:-}" in
    -h | --help) usage && exit 0 ;;
    '') usage >&2 && exit 2 ;;
    -*) fail "the first argument is a config's name, not ${1@Q}; scripts/pretrain.sh --help explains" 2 ;;
esac
config="$1"
shift

overrides=()
case "$config" in
    */* | *.yaml)
        [ -f "$config" ] || fail "no config file ${config@Q}; expected a YAML file or one of: $(list_configs)"
        config_dir="$(cd -P -- "$(dirname -- "$config")" && pwd)"
        config_name="$(basename "$config" .yaml)"
        overrides+=("hydra.searchpath=[$(quoted "file://$configs")]")
        ;;
    *)
        [ -f "$configs/$config.yaml" ] || fail "no config ${config@Q} in config/pretraining; expected one of: $(list_configs)"
        config_dir="$configs"
        config_name="$config"
        ;;
esac

[ ! -x "$root/.venv/bin/python" ] || PATH="$root/.venv/bin:$PATH"
command -v fairseq-hydra-train >/dev/null || fail "fairseq is not installed in this environment; \
run 'bash scripts/test.sh --version' to make .venv, or 'pip install -c constraints.txt -e .' in yours"

nproc_given="${NPROC:-}"
case "$nproc_given" in
    *[!0-9]* | 0) fail "NPROC must be a whole number of processes >= 1, but is ${nproc_given@Q}" ;;
esac
given=" $* "
case "$given" in
    *' common.cpu=true '* | *' common.cpu=True '* | *'run_config=local_cpu '*) gpus=0 ;;
    *' common.cpu=false '* | *' common.cpu=False '*) gpus="$(count_gpus)" ;;
    *) if grep -Eq '^ +cpu: true' "$config_dir/$config_name.yaml"; then gpus=0; else gpus="$(count_gpus)"; fi ;;
esac
processes="${nproc_given:-1}"
launch=(python -P -m emotion2vec.fairseq_plugin.launch)
if [ "$gpus" -gt 0 ]; then
    processes="${nproc_given:-$gpus}"
    [ "$processes" -le "$gpus" ] || fail "NPROC=$processes, but only $gpus GPUs are visible"
elif [ "$processes" -gt 1 ]; then
    # fairseq's own spawn trains nothing on CPU: torchrun starts the processes, fairseq only joins them.
    launch=(torchrun --nproc_per_node "$processes" --master_port "${MASTER_PORT:-$((20000 + RANDOM))}" --no-python "${launch[@]}")
    overrides+=(
        distributed_training.distributed_init_method=env://
        distributed_training.distributed_no_spawn=true
        distributed_training.distributed_backend=gloo
        'distributed_training.distributed_rank=${oc.env:RANK}'
        distributed_training.ddp_backend=legacy_ddp
    )
fi
# A run_config states its own number of processes.
case "$given" in
    *run_config=* | *distributed_training.distributed_world_size=*) ;;
    *) overrides+=("distributed_training.distributed_world_size=$processes") ;;
esac
# Resuming with several ranks: fairseq's broadcast of the checkpoint fails, so every rank reads it.
[ "$processes" -eq 1 ] || overrides+=(checkpoint.load_checkpoint_on_all_dp_ranks=true)

for override in "$@"; do
    overrides+=("$(absolute_override "$override")")
done

cores="$(getconf _NPROCESSORS_ONLN)"
threads=$((cores / processes))
[ "$threads" -ge 1 ] || threads=1
if [ "$gpus" -gt 0 ]; then
    [ "$threads" -le 8 ] || threads=8
else
    # glibc returns large blocks to the system at every step otherwise: measured 17 to 25 % of a CPU step.
    export MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-4294967296}"
    export MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_:-17179869184}"
    export MALLOC_TOP_PAD_="${MALLOC_TOP_PAD_:-268435456}"
fi
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$threads}"
# Hydra's advice to fairseq about its next version would hide what matters.
hydra_advice="ignore:::fairseq_cli.hydra_train,ignore:::hydra.core.default_element,ignore:::hydra.main,ignore::UserWarning:__main__"
export PYTHONWARNINGS="$hydra_advice${PYTHONWARNINGS:+,$PYTHONWARNINGS}"
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"

exec "${launch[@]}" --config-dir "$config_dir" --config-name "$config_name" \
    "common.user_dir=$(quoted "$root/emotion2vec")" "${overrides[@]}"
