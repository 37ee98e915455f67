// Takes TensorRT's place in the emulated package, for the golden bundles.
#include "stand_in_network.h"

extern "C" TUBECAM_API tubecam::Engine* tubecam_make_engine(const tubecam::Bundle& bundle,
                                                            const tubecam::GraphSpec& graph,
                                                            const tubecam::EngineOptions& options) {
  return tubecam::stand_in_options({}).make_engine(bundle, graph, options).release();
}
