#!/bin/bash
# All that needs a GPU, in one call: the kernels' tests (which may not skip), compute-sanitizer
# where it is installed, the kernels' floors and what a frame costs on its way into the ring, and
# with TensorRT the plans, their drift, and arrays of torch, CuPy and pycuda where installed.
#   tests/perf/gpu.sh [cmake options such as -DTUBECAM_TENSORRT=OFF]
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=build/gpu
cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=Release -DTUBECAM_CUDA=ON -DTUBECAM_TENSORRT=ON \
  -DTUBECAM_CUDA_ARCHITECTURES="${TUBECAM_CUDA_ARCHITECTURES:-native}" -DTUBECAM_GSTREAMER=OFF "$@"
cmake --build "$folder" --parallel
failed=0
export TUBECAM_REQUIRE_GPU=1
"$folder/tests/cpp/tubecam_cuda_tests" || failed=1
if sanitizer=$(command -v compute-sanitizer); then
  for tool in memcheck racecheck; do
    "$sanitizer" --tool "$tool" --error-exitcode 9 "$folder/tests/cpp/tubecam_cuda_tests" \
      --gtest_filter='-*AgreesWithTheCpu:*LargeLayer:*MemoryIsShort*' || failed=1
  done
else
  echo "compute-sanitizer is not installed: skipped"
fi
"$folder/tests/cpp/tubecam_cuda_bench" || failed=1
if [ -e "$folder/tubecam/lib/libtubecam_tensorrt.so" ]; then
  cmake --install "$folder" --prefix "$folder/stage" >/dev/null
  cp -r python/tubecam/. "$folder/stage/tubecam/"
  for precision in float32 float16; do
    PYTHONPATH="$folder/stage" python3 -m tubecam build motion --precision "$precision" || failed=1
  done
  PYTHONPATH="$folder/stage" \
    python3 -m pytest -ra tests/python/explainer/test_gpu_arrays.py || failed=1
fi
exit "$failed"
