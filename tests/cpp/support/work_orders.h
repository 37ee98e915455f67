// Tests of what several streams do: once as CUDA orders it, or in every order of the emulation.
#pragma once

#include <gtest/gtest.h>

#ifdef TUBECAM_EMULATED_CUDA
#include "cuda_runtime.h"
#endif

namespace tubecam {

// test(number of the order)
template <typename Test>
void for_each_work_order(const Test& test) {
#ifdef TUBECAM_EMULATED_CUDA
  using emulated_cuda::WorkOrder;
  unsigned number = 0;
  for (const WorkOrder order : {WorkOrder::kAtOnce, WorkOrder::kLate, WorkOrder::kRandom}) {
    SCOPED_TRACE(number);
    emulated_cuda::set_work_order(order);
    test(number++);
  }
  emulated_cuda::set_work_order(WorkOrder::kAtOnce);
#else
  test(0u);
#endif
}

}  // namespace tubecam
