#!/usr/bin/env bash
# The benchmarks of speed on a data set, some twenty minutes on two cores, and their table:
#   bash benchmarks/bench.sh MODELS IMAGES [all]
# With `all` also those that take long: a large evaluation, the whole training, a million views, how each stage grows.
set -euo pipefail
models=$1 images=$2 run=results/performance/run
cd "$(dirname "$0")/.."
python benchmarks/render_speed.py "$models" --limit 150
python benchmarks/graph_scale.py --exact
python benchmarks/graph_scale.py
python benchmarks/train_scale.py
python benchmarks/evaluate_scale.py
python benchmarks/snakemake_speed.py
python benchmarks/limits.py render "$models"
python benchmarks/limits.py encoder
rm -rf "$run"
python benchmarks/pipeline_speed.py "$models" "$images" --keep "$run"
python benchmarks/features_speed.py "$images" --photos 1139 --views "$(ls "$run"/results/bench/views/*.h5 | head -1)"
python benchmarks/query_speed.py --dataset bench --results "$run/results" --photos "$images"
python benchmarks/render_quality.py "$run/results/bench"
if [ "${3:-}" = all ]; then
    python benchmarks/evaluate_scale.py --queries 100000 --models 100000 --categories 100
    python benchmarks/train_scale.py --whole
    python benchmarks/graph_scale.py --one-million
    python benchmarks/scaling.py measure "$run/results/bench"
    python benchmarks/scaling.py plot
fi
python benchmarks/performance.py
