#include "explain/methods/cam3d.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "explain/methods/cam3d_cpu.h"
#include "explain/methods/cam3d_math.h"

namespace tubecam {
namespace {

void check_input(const CamInput& input, CamMethod method, const float* tube) {
  const bool positive = input.channels > 0 && input.t > 0 && input.h > 0 && input.w > 0;
  check(positive, ErrorCode::kUsage,
        "cam3d: the activation [C, t, h, w] must have positive sizes, not [", input.channels, ", ",
        input.t, ", ", input.h, ", ", input.w, "]");
  const int64_t cells = int64_t{input.t} * input.h * input.w;
  check(cells <= (1 << 28), ErrorCode::kUsage, "cam3d: a tube of ", cells, " cells is too large");
  check(input.activation && tube && (input.weight || input.gradient), ErrorCode::kUsage,
        "cam3d: needs an activation, a tube, and a weight or a gradient");
  check(input.weight || method != CamMethod::kCam, ErrorCode::kUsage,
        "cam3d: the method cam needs the head's weight; this graph gives a gradient, so choose "
        "gradcam");
}

bool keeps_negative(CamMethod method) {
  return method == CamMethod::kCam || method == CamMethod::kHiResCam;
}

CamStats finish(const std::vector<double>& relevance, bool rectify, float* tube) {
  CamStats stats;
  for (size_t i = 0; i < relevance.size(); ++i) {
    tube[i] = float(rectify ? cam3d_math::relu(relevance[i]) : relevance[i]);
    stats.finite &= std::isfinite(relevance[i]) && std::isfinite(tube[i]);
    stats.sum += relevance[i];
  }
  const auto [least, most] = std::minmax_element(tube, tube + relevance.size());
  stats.min = *least;
  stats.max = *most;
  stats.peak = int(std::max_element(tube, tube + relevance.size()) - tube);
  return stats;
}

CamStats invalid(size_t cells, float* tube) {
  std::fill_n(tube, cells, 0.0f);
  CamStats stats;
  stats.finite = false;
  return stats;
}

CamStats cam3d_on(Device device, const CamInput& input, CamMethod method, float* tube) {
  using CudaFunction = void(const CamInput&, CamMethod, float*, CamStats*, Device);
  CamStats stats;
  device_function<CudaFunction>(device, "tubecam_cam3d")(input, method, tube, &stats, device);
  return stats;
}

}  // namespace

CamMethod parse_cam_method(const std::string& name) {
  const Method* method = find_method(name);
  if (method && method->kind == MethodKind::kClassActivation) return method->cam;
  std::string list;
  for (const std::string& known : method_names(MethodKind::kClassActivation))
    list += (list.empty() ? "" : ", ") + known;
  fail(ErrorCode::kUsage, "unknown method \"", name, "\": choose one of ", list);
}

CamStats cam3d(const CamInput& input, CamMethod method, float* tube, Device device) {
  check_input(input, method, tube);
  if (device.type == DeviceType::kCuda) return cam3d_on(device, input, method, tube);
  std::vector<double> relevance(size_t(input.t) * input.h * input.w);
  const bool finite = accumulate_relevance_cpu(input, method, relevance.data());
  const CamStats stats = finish(relevance, !keeps_negative(method), tube);
  return finite && stats.finite ? stats : invalid(relevance.size(), tube);
}

CamStats copy_relevance(const float* relevance, int t, int h, int w, float* tube) {
  const bool usable = relevance && tube && t > 0 && h > 0 && w > 0;
  check(usable, ErrorCode::kUsage, "copy_relevance: needs a tube of positive sizes");
  const std::vector<double> values(relevance, relevance + size_t(t) * size_t(h) * size_t(w));
  const CamStats stats = finish(values, false, tube);
  return stats.finite ? stats : invalid(values.size(), tube);
}

}  // namespace tubecam
