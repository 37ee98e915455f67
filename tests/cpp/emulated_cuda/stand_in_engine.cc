// Takes TensorRT's place in the emulated package, for the golden bundles. TUBECAM_STAND_IN_MS in
// the environment makes it slow: so long an inference takes at least.
#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>

#include "support/stand_in_network.h"

namespace {

using tubecam::Engine;

class SlowEngine final : public Engine {
 public:
  SlowEngine(std::unique_ptr<Engine> engine, int ms) : engine_(std::move(engine)), ms_(ms) {}
  tubecam::EngineInfo info() const override { return engine_->info(); }
  const tubecam::EngineOutputs& infer(const tubecam::EngineInputs& inputs) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(ms_));
    return engine_->infer(inputs);
  }
  void follow_with(tubecam::EngineEpilogue epilogue) override {
    engine_->follow_with(std::move(epilogue));
  }

 private:
  std::unique_ptr<Engine> engine_;
  int ms_;
};

}  // namespace

extern "C" tubecam::Engine* tubecam_make_engine(const tubecam::Bundle& bundle,
                                                const tubecam::GraphSpec& graph,
                                                const tubecam::EngineOptions& options) {
  auto engine = tubecam::stand_in_options({}).make_engine(bundle, graph, options);
  const char* ms = std::getenv("TUBECAM_STAND_IN_MS");
  if (!ms) return engine.release();
  return new SlowEngine(std::move(engine), std::atoi(ms));
}
