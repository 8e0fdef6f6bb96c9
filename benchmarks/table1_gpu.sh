#!/usr/bin/env bash
# What is claimed of a GPU, measured in one go: the tests that need one, a step beside the textbook
# loop, one BiGAN of 400 epochs, and Table 1 with three seeds. Results go to OUT.
#
#     benchmarks/table1_gpu.sh OUT          # stop it at any time; the same command goes on
#     DEVICE=cpu EPOCHS=1 DATA=digits benchmarks/table1_gpu.sh OUT    # a rehearsal without a GPU
#
# PYTHON is the interpreter; without an installed package, set PYTHONPATH=src. Data sets are read
# from AMBIGAN_DATA. On a shared machine split it over calls: STEPS="tests bench one table".
set -euo pipefail
out=${1:?name a folder for the results}
python=${PYTHON:-python}
device=${DEVICE:-cuda} epochs=${EPOCHS:-400} data=${DATA:-mnist} seeds=${SEEDS:-3}
precision=${PRECISION:-bf16}
mkdir -p "$out"

for step in ${STEPS:-tests bench one table}; do
  case $step in
    tests) [ "$device" = cpu ] || "$python" -m pytest -m gpu | tee "$out/tests.txt" ;;
    bench) "$python" benchmarks/step.py --device "$device" --repeats "${REPEATS:-9}" --out "$out/step.json" | tee "$out/step.txt" ;;
    one)
      run=$out/bigan-$epochs
      if [ -f "$run/model/config.json" ]; then continue; fi
      resume=(bigan --data "$data" --preset official --epochs "$epochs" --precision "$precision" --device "$device" --out "$run")
      if [ -f "$run/config.json" ]; then resume=(--resume "$run" --device "$device"); fi
      started=$SECONDS
      "$python" -m ambigan train "${resume[@]}"
      echo "one BiGAN of $epochs epochs: $((SECONDS - started)) s with saving, from the start or the last checkpoint" | tee -a "$out/one.txt"
      ;;
    table)
      "$python" -m ambigan reproduce bigan-table1 --data "$data" --epochs "$epochs" --seeds "$seeds" \
        --precision "$precision" --device "$device" --out "$out/table1"
      ;;
    *) echo "unknown step '$step'; it is one of tests, bench, one, table" >&2; exit 2 ;;
  esac
done
