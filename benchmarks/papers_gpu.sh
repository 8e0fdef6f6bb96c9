#!/usr/bin/env bash
# What two cores cannot show of three papers, on a GPU: BigBiGAN's ablation with networks of width
# 64, SAO at full width, and detection at 500 pixels on a BiGAN's AlexNet. Results go to OUT.
#
#     benchmarks/papers_gpu.sh OUT          # stop it at any time; the same command goes on
#     STEPS=sao EPOCHS=100 benchmarks/papers_gpu.sh OUT
#     REHEARSE=1 benchmarks/papers_gpu.sh OUT    # all of it on the CPU: narrow networks, one epoch
#
# PYTHON is the interpreter; without an installed package, set PYTHONPATH=src. Data sets are read
# from AMBIGAN_DATA: cifar-10-batches-py, imagenette128 and detection/raccoon (or VOC, a folder in
# VOC's layout), PROPOSALS names a file of boxes in the place of selective search.
set -euo pipefail
out=${1:?name a folder for the results}
python=${PYTHON:-python}
root=${AMBIGAN_DATA:?names the folder of data}
voc=${VOC:-$root/detection/raccoon}
mkdir -p "$out"

where=(--device "${DEVICE:-cuda}" --precision "${PRECISION:-bf16}")
experiment=bigbigan-ablation-wide ablation=() sao=() encoder=() boxes=(--task.short-side 500 --layers all --starts trained,scaled)
if [ -n "${REHEARSE:-}" ]; then
  where=(--device cpu) EPOCHS=1
  experiment=bigbigan-ablation
  ablation=(--data.max-train 128 --data.holdout 100 --batch-size 32)
  sao=(--data.max-train 256 --data.holdout 100 --settings.network.width 16 --settings.network.generator-width 16
    --settings.bank-size 256 --batch-size 64)
  encoder=(--data.max-train 128 --settings.network.width 4 --settings.network.encoder-width 16 --batch-size 32)
  boxes=(--task.short-side 96 --task.width 16 --layers fc8 --starts trained,scaled --task.proposals 50)
fi

# train RUN WORDS: trains a run, goes on with it, or leaves it where it is finished.
train() {
  local run=$1 words=("${@:2}" "${where[@]}" --out "$1")
  if [ -f "$run/model/config.json" ]; then return; fi
  if [ -f "$run/config.json" ]; then words=(--resume "$run" "${where[@]:0:2}"); fi
  "$python" -m ambigan train "${words[@]}"
}

for step in ${STEPS:-sao ablation detection}; do
  case $step in
    ablation)
      "$python" -m ambigan reproduce "$experiment" --seeds "${SEEDS:-2}" --epochs "${EPOCHS:-30}" \
        --runs bigbigan,image-score-alone,latent-score-alone,no-unary-scores,deterministic-encoder \
        "${where[@]}" "${ablation[@]}" --out "$out/ablation"
      ;;
    sao)
      train "$out/sao" structural --preset official --data cifar10 --epochs "${EPOCHS:-200}" "${sao[@]}"
      "$python" -m ambigan evaluate "$out/sao" --protocol linear_lbfgs,knn_sweep,svm_l2,kmeans_test_split
      ;;
    detection)
      train "$out/bigan" bigan --preset imagenet_official --data "folder:$root/imagenette128" \
        --epochs "${EPOCHS:-100}" "${encoder[@]}"
      "$python" -m ambigan transfer "$out/bigan" --task detection --data "voc:$voc" --network encoder \
        --epochs "${TASK_EPOCHS:-${REHEARSE:-10}}" "${boxes[@]}" ${PROPOSALS:+--proposals "$PROPOSALS"}
      ;;
    *) echo "unknown step '$step'; it is one of sao, ablation, detection" >&2; exit 2 ;;
  esac
done
