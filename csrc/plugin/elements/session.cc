#include "plugin/elements/session.h"

#include <chrono>
#include <vector>

#include "base/at_work.h"
#include "base/error.h"

namespace tubecam {
namespace {

std::string bundle_folder(const Settings& settings) {
  const std::string folder = settings.bundle.empty() ? packaged_bundle() : settings.bundle;
  check(
      !folder.empty(), ErrorCode::kUsage,
      "no bundle is installed beside the plugin: set the property \"bundle\" to a bundle's folder");
  return folder;
}

double warm_up(Explainer& explainer) {
  const ClipSpec& spec = explainer.bundle().clip;
  const std::vector<float> clip(size_t{3} * spec.length * spec.height * spec.width);
  Window window;
  window.pts.assign(spec.length, 0);
  window.frame_width = spec.width;
  window.frame_height = spec.height;
  window.source = spec.source_rect(spec.width, spec.height);
  const auto begin = std::chrono::steady_clock::now();
  explainer.explain(clip.data(), window);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

Session::Session(const Settings& settings, const Listener& listener)
    : explainer_(bundle_folder(settings), settings.options()),
      signal_(settings.sample_fps > 0 ? settings.sample_fps : bundle().clip.sample_fps) {
  const double seconds = warm_up(explainer_);
  const auto explain = [this](const TensorView& clip, const Window& window) {
    return this->explain(clip, window);
  };
  const auto report = [this, listener](const Outcome& outcome) { listener(*this, outcome); };
  LiveWindows::Options options{settings.align, settings.explain.hop, seconds};
  options.device = [this] { return explainer_.device(); };
  options.fall_back_to_cpu = [this](const Error& error) {
    return explainer_.fall_back_to_cpu(error);
  };
  options.sample_fps = settings.sample_fps;
  windows_ = std::make_unique<LiveWindows>(bundle().clip, options, explain, report);
}

Explanation Session::explain(const TensorView& clip, const Window& window) {
  const AtWork at_work;
  Explanation result = explainer_.explain(clip, window);
  result.fuse(&signal_);
  return result;
}

}  // namespace tubecam
