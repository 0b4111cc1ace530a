#!/usr/bin/env bash
# Everything that needs a GPU, in one go: the tests, the benchmark, a minute of DQN on Pong with each activation, and the
# rate of training with the switches for GPUs.
# Run in a checkout: bash scripts/gpu_check.sh [folder for the results]
# It installs nothing: torch, cuda-core, pytest and what rrn needs must be there.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:-runs/gpu_check}
mkdir -p "$out"
python3 setup.py -q build_ext --inplace >"$out/build.log" 2>&1
python3 -m rrn.doctor | tee "$out/doctor.txt"
failed=0
python3 -m pytest -n 0 -m gpu -p no:cacheprovider $(grep -rl --include='test_*.py' mark.gpu tests) 2>&1 | tee "$out/tests.log" | tail -n 30 || failed=1
for dtype in float32 bfloat16; do
    python3 scripts/bench/activation.py --device cuda --dtype $dtype --output "$out/activation_$dtype.json" |
        tee "$out/activation_$dtype.txt" || failed=1
done
for act in relu leaky_relu silu d_silu pelu crelu tanh gelu rational recurrent_rational; do
    timeout -s INT 60 python3 -m rrn.train agent=dqn env=Pong "act=$act" device=cuda "run_dir=$out/runs/$act" \
        >"$out/train_$act.log" 2>&1
    echo "$act: $(tail -n 1 "$out/train_$act.log")"
done
# One game of Pong as fast as a GPU allows: steps a second of each step on the way there.
rate() {
    name=$1
    shift
    timeout -s INT 60 python3 -m rrn.train agent=dqn env=Pong act=recurrent_rational device=cuda agent.warmup=2000 \
        evaluation.every=1000000 log_every=500 "run_dir=$out/rates/$name" "$@" >"$out/rate_$name.log" 2>&1
    echo "$name: $(grep steps_per_second "$out/rates/$name/scalars.csv" | tail -n 1 | cut -d , -f 3) agent steps a second"
}
{
    rate plain
    rate memory agent.replay_on_device=true
    rate compiled agent.replay_on_device=true agent.compile=true
    rate compiled_8_games agent.replay_on_device=true agent.compile=true env.num_envs=8
} | tee "$out/rates.txt"
exit $failed
