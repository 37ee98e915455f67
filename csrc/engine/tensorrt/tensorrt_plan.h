// From a graph to a plan: TensorRT's builder.
#pragma once

#include <string>

#include "bundle/bundle.h"
#include "engine/engine.h"
#include "engine/tensorrt/plan_cache.h"
#include "engine/tensorrt/tensorrt_log.h"

namespace tubecam {

// What the plan is kept under: of the calling thread's device.
PlanKey plan_key(const Bundle& bundle, const GraphSpec& graph, const EngineOptions& options,
                 const std::string& gpu, const std::string& capability);

// Note [Precision in the graph]
// One way for TensorRT 8.5 to 11: the graph's own types say what is computed in, by casts and by
// quantise–dequantise pairs. 10 keeps to them by a flag (kSTRONGLY_TYPED), 11 does so always, 8
// needs kFP16 and kINT8 to be allowed to. A float32 graph in float16 is the builder's choice, layer
// by layer: 8 and 10 can (kFP16), 11 cannot. TF32 is never used: float32 is the reference.

// The serialised plan. Takes minutes; says how far it is. Throws kEngine naming the operator that
// TensorRT refuses, kUsage for a precision that this version or graph does not have.
PlanCache::Bytes build_plan(const GraphSpec& graph, const EngineOptions& options, PlanCache& cache,
                            const PlanKey& key, TensorRtLog& log);

}  // namespace tubecam
