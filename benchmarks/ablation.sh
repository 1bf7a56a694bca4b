#!/usr/bin/env bash
# Make the tables below docs/results/ablation, and their plots: bash benchmarks/ablation.sh SET MODELS IMAGES
# Takes hours on two cores. Trainings are cached in results/ablation, so it can be stopped and called
# again.
set -euo pipefail
set=$1 models=$2 images=$3
run() { # NAME TARGET SETTINGS: the pipeline, under a name of its own
  local file
  file=$(mktemp --suffix .yaml)
  echo "$3" >"$file"
  snakemake --cores all --config "dataset=$1" "models=$models" "images=$images" \
    --configfile "$file" -- "$2"
  rm "$file"
}
train() { python benchmarks/ablation.py --dataset "$@"; }

run "$set" graph "{}"
run "$set-dodecahedron" graph "render: {cameras: dodecahedron, views: 20}"
snakemake --cores all -- graph
train "$set" --seeds 3
for part in odd even unequal-0 unequal-1 unequal-2 unequal-3; do
  train "$set" --on "$part" --only default --seeds 3
  train "$set" --on "$part" --only matching --seeds 3
done
train demo --seeds 3
python benchmarks/ablation_report.py --dataset "$set" --second demo
python docs/results.py
