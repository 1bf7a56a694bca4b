#!/usr/bin/env bash
# Measure the GPU against the CPU, stage by stage: bash benchmarks/gpu.sh OUT [full|short [STEP ...]]
# It takes eight minutes on a machine with one GPU; it needs no network, and of the packages those that such a
# machine has and those that gpu_wheels.sh collects in .whl. Each step has its own time limit, and one that fails
# stops none. After each, OUT/gpu.json and OUT/gpu.md hold all that is known; OUT/gpu.log has what was said.
# `short` takes small sizes, to rehearse: without a GPU, the CPU is compared with itself.
set -uo pipefail
out=$(realpath -m "$1") size=${2:-full} wanted=" ${*:3} "
cd "$(dirname "$0")/.."
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-python3}
end=$((SECONDS + ${MINUTES:-8} * 60))
export PYTHONUNBUFFERED=1 PYTHONPATH="$work/site:$PWD/workflow/scripts:$PWD/benchmarks"

step() { # NAME LIMIT COMMAND: at most LIMIT seconds, and no longer than all have
  local name=$1 limit=$2 start=$SECONDS status
  shift 2
  [[ $wanted =~ ^\ +$ || $wanted == *" $name "* ]] || return 0
  [ "$size" = short ] && limit=$((5 * limit)) # a machine that does other work too
  ((limit > end - SECONDS)) && limit=$((end - SECONDS))
  if ((limit < 5)); then
    status="no time"
  else
    echo "== $name" >>"$out/gpu.log"
    timeout -k 5 "$limit" "$@" >>"$out/gpu.log" 2>&1
    status=$?
  fi
  printf '%s\t%s\t%s\n' "$name" "$status" "$((SECONDS - start))" | tee -a "$work/steps.tsv"
  "$python" benchmarks/gpu_report.py "$work" "$out" >>"$out/gpu.log" 2>&1
}

install_wheels() { # the wheels of gpu_wheels.sh, beside what is there
  [ -d .whl ] || return 0
  local pip=("$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --target "$work/site")
  find .whl -type f -name '*.whl' ! -name 'dgl-*' -exec "${pip[@]}" {} + &&
    "${pip[@]}" --python-version 3.11 --implementation cp --abi cp311 --only-binary=:all: .whl/dgl-*.whl
}

demo_set() { "$python" -c "
import os, pathlib
from ucmgcn.demo.build import build_demo
if __name__ == '__main__':
    build_demo(pathlib.Path('$work/set'), 0, models_per_category=$1, photos_per_category=$1, workers=os.cpu_count())
"; }
export -f install_wheels demo_set
export work python

models=10 knn=() features=() train=() render=() demo=() adapt=()
if [ "$size" = short ]; then
  models=2
  knn=(--photos 500 --views 2000)
  features=(--images 60)
  train=(--photos 300 --models 100 --features 160 --epochs 3)
  render=(--meshes 4 --seconds 1)
  small='shards: {models: 1, images: 1}, demo: {models_per_category: 2, photos_per_category: 2}'
  demo=(--settings "{$small, train: {seeds: [0], epochs: 2}, evaluate: {resamples: 100}}")
  adapt=(--settings "{$small, adapt: {rounds: 1, steps: 3}}")
fi
step install 60 bash -c install_wheels
step set 60 bash -c "demo_set $models"
[ -d "$work/set" ] || cp -r .whl/set "$work/set" # a set made elsewhere, where OpenGL fails here
step tests 100 "$python" benchmarks/gpu_tests.py --out "$work/tests.json"
step knn 40 "$python" benchmarks/gpu_knn.py --out "$work/knn.json" "${knn[@]}"
step features 80 "$python" benchmarks/gpu_features.py "$work/set/images" --out "$work/features.json" "${features[@]}"
step render 90 "$python" benchmarks/gpu_render.py "$work/set/models" --out "$work/render.json" \
  --reference .whl/llvmpipe.npz "${render[@]}"
step train 150 "$python" benchmarks/gpu_train.py --out "$work/train.json" "${train[@]}"
step demo 150 "$python" benchmarks/gpu_demo.py "$work/runs" --out "$work/demo.json" "${demo[@]}"
step adapt 90 "$python" benchmarks/gpu_adapt.py "$work/runs" --out "$work/adapt.json" "${adapt[@]}"
cat "$out/gpu.md"
