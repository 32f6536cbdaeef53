#!/bin/bash
# A study on Slurm: `sbatch docs/clusters/slurm.sh helmholtz-training --trials 200 --hours 7.8`, from the checkout's folder, on
# a file system that all nodes share. Ray starts on every node of the allocation, the study runs, and Ray ends with it; `--hours`
# ends the study in order before Slurm's own limit does. It goes on with `sbatch docs/clusters/slurm.sh --resume NAME`.
#SBATCH --job-name=cnn-study
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=4
#SBATCH --time=08:00:00
set -euo pipefail

source .venv/bin/activate
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
(umask 077 && ray get-auth-token --generate > /dev/null 2>&1)  # in ~/.ray, which all nodes see

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | awk '{print $1}')
port=$((20000 + SLURM_JOB_ID % 20000))  # other people's Ray may run on the same nodes

if [ "${1:-}" = --resume ]; then
    study=(resume "$2" "${@:3}")
else
    study=(run "$@" --storage "$PWD/runs/shared" --set resources.gpu=1 --set resources.pack=auto)
fi
srun ray symmetric-run --address "$address:$port" --min-nodes "$SLURM_JOB_NUM_NODES" \
    --num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus="$SLURM_GPUS_ON_NODE" \
    -- cnn-study "${study[@]}" --address auto
