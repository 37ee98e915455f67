// Keyword arguments → EngineOptions, for every class that opens an engine.
#pragma once

#include <string>

#include "engine/engine.h"

namespace tubecam {

inline EngineOptions engine_options(const std::string& engine, const std::string& device,
                                    const std::string& precision, int threads,
                                    const std::string& cache_dir) {
  EngineOptions options;
  options.engine = engine;
  options.device = Device::parse(device);
  options.precision = precision;
  options.threads = threads;
  options.cache_dir = cache_dir;
  return options;
}

}  // namespace tubecam
