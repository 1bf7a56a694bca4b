#!/usr/bin/env bash
# What the look of the views, encoder layer, resizing, cameras and upright poses do:
# bash benchmarks/inputs.sh SET MODELS IMAGES
# One row after the other under one name, so that what a row does not touch is not made again; the
# tables are kept in results/inputs/SET. Takes half an hour on two cores for 271 meshes.
set -euo pipefail
set=$1 models=$2 images=$3
kept=results/inputs/$set
row() { # NAME SETTINGS [MODELS]
  [ -d "$kept/$1" ] && return
  mkdir -p "$kept"
  cat >"$kept/$1.yaml" <<SETTINGS
train: {seeds: [0]}
evaluate: {methods: [ucm-gcn, propagation, mean-pool, max-pool]}
$2
SETTINGS
  snakemake --cores all --config "dataset=$set-inputs" "models=${3:-$models}" "images=$images" \
    --configfile "$kept/$1.yaml" -- evaluate
  cp -r "results/$set-inputs/tables" "$kept/$1"
}

row default ''
row "features.output max" 'features: {output: max}'
row "features.output logits" 'features: {output: logits}'
row "features.resize pad" 'features: {resize: pad}'
row "features.resize squash" 'features: {resize: squash}'
row "features.flip true" 'features: {flip: true}'
row "render.fit tight" 'render: {fit: tight}'
row "render.fov 45" 'render: {fov: 45}'
row "render.light headlight" 'render: {light: headlight}'
row "render.colour 0.5" 'render: {colour: 0.5}'
row "render.colour 0.85" 'render: {colour: 0.85}'
row "render.colour 1.0" 'render: {colour: 1.0}'
row "render.background 0.5" 'render: {background: 0.5}'
row "render.antialias false" 'render: {antialias: false}'
row "ring of 12 cameras" 'render: {cameras: ring}'
python benchmarks/turned.py "$models" "results/inputs/$set-turned"
row "meshes turned at random" '' "results/inputs/$set-turned"
row "ring of 12 cameras, meshes turned at random" 'render: {cameras: ring}' "results/inputs/$set-turned"
python benchmarks/inputs_report.py "$kept"
python docs/results.py
