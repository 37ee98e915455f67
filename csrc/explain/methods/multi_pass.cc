#include "explain/methods/multi_pass.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"
#include "explain/methods/motion.h"

namespace tubecam {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr unsigned kSeed = 20170312;  // the same clip is explained the same way again

size_t pixels_of(const ClipSpec& spec) { return size_t(spec.height) * size_t(spec.width); }
size_t size_of(const ClipSpec& spec) { return size_t(spec.length) * 3 * pixels_of(spec); }

// One of the model's inputs on its way: planes of height × width, `channels` of them a sampled
// frame.
struct Input {
  const float* values;
  size_t slices, channels;
  std::vector<float> baseline{}, between{};
  std::vector<double> sums{};  // [sampled frames, H, W]

  size_t planes() const { return slices * channels; }
};

std::vector<Input> inputs_of(const ModelInputs& x, const ClipSpec& spec) {
  const size_t length = size_t(spec.length), pixels = pixels_of(spec);
  std::vector<Input> inputs = {{x.clip, length, 3}};
  if (x.flow) inputs.push_back({x.flow, length - 1, 2});
  for (Input& input : inputs) {
    input.baseline.resize(input.planes() * pixels);
    input.between.resize(input.baseline.size());
    input.sums.resize(input.slices * pixels);
  }
  return inputs;
}

const float* part(const ModelInputs& inputs, size_t at) {
  return at == 0 ? inputs.clip : inputs.flow;
}

ModelInputs all_of(const std::vector<Input>& inputs, std::vector<float> Input::*values) {
  return {(inputs[0].*values).data(), inputs.size() > 1 ? (inputs[1].*values).data() : nullptr};
}

// Σ_channels of weight · gradient ⊙ (values − baseline), added to the sums.
void add_products(const ModelInputs& gradient, double weight, size_t pixels,
                  std::vector<Input>* inputs) {
  for (size_t at = 0; at < inputs->size(); ++at) {
    Input& input = (*inputs)[at];
    for (size_t plane = 0; plane < input.planes(); ++plane) {
      double* sum = input.sums.data() + plane / input.channels * pixels;
      const size_t first = plane * pixels;
      for (size_t i = 0; i < pixels; ++i) {
        const double step = double{input.values[first + i]} - input.baseline[first + i];
        sum[i] += weight * part(gradient, at)[first + i] * step;
      }
    }
  }
}

// x' + α(x − x')
void interpolate(double alpha, std::vector<Input>* inputs) {
  for (Input& input : *inputs) {
    for (size_t i = 0; i < input.between.size(); ++i) {
      const double step = double{input.values[i]} - input.baseline[i];
      input.between[i] = float(input.baseline[i] + alpha * step);
    }
  }
}

// One axis of a box blur, edges replicated. values: [outer, size, inner].
void blur_axis(std::vector<float>& values, size_t outer, int size, size_t inner, int radius) {
  std::vector<double> sums(size_t(size) + 1);
  for (size_t o = 0; o < outer; ++o) {
    for (size_t i = 0; i < inner; ++i) {
      float* line = values.data() + o * size_t(size) * inner + i;
      for (int k = 0; k < size; ++k) sums[k + 1] = sums[k] + line[size_t(k) * inner];
      const double first = line[0], last = line[size_t(size - 1) * inner];
      for (int k = 0; k < size; ++k) {
        const int low = k - radius, high = k + radius + 1;
        const double outside = std::max(0, -low) * first + std::max(0, high - size) * last;
        const double inside = sums[std::min(high, size)] - sums[std::max(low, 0)];
        line[size_t(k) * inner] = float((inside + outside) / (2 * radius + 1));
      }
    }
  }
}

// Three boxes are a Gaussian in all but name.
std::vector<float> blurred(const float* clip, const ClipSpec& spec) {
  std::vector<float> values(clip, clip + size_of(spec));
  const int radius = std::max(1, spec.height / 8);
  for (int round = 0; round < 3; ++round) {
    blur_axis(values, size_t(spec.length) * 3, spec.height, size_t(spec.width), radius);
    blur_axis(values, size_t(spec.length) * 3 * size_t(spec.height), spec.width, 1, radius);
  }
  return values;
}

std::vector<float> to_floats(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

MultiPassResult result_of(const std::vector<Input>& inputs, size_t pixels, double baseline_logit) {
  MultiPassResult result{to_floats(inputs[0].sums), {}, baseline_logit};
  if (inputs.size() > 1) {
    result.flow = to_floats(inputs[1].sums);
    result.flow.resize(result.flow.size() + pixels);
  }
  return result;
}

}  // namespace

void check_multi_pass(const MultiPassOptions& options, const ClipSpec& spec) {
  check(options.steps >= 1 && options.steps <= 1024, ErrorCode::kUsage,
        "steps must be 1 … 1024, not ", options.steps);
  check(std::isfinite(options.noise) && options.noise >= 0, ErrorCode::kUsage,
        "noise must be a share of the clip's range, 0 or more, not ", options.noise);
  if (options.baseline != Baseline::kGiven) return;
  check(options.baseline_clip != nullptr, ErrorCode::kUsage, "the baseline is missing");
  const std::vector<float>& given = *options.baseline_clip;
  check(given.size() == size_of(spec), ErrorCode::kUsage, "the baseline has ", given.size(),
        " values; a clip of this bundle has ", size_of(spec), " (", spec.length, "×3×", spec.height,
        "×", spec.width, ")");
  const auto finite = [](float value) { return std::isfinite(value); };
  check(std::all_of(given.begin(), given.end(), finite), ErrorCode::kUsage,
        "the baseline holds NaN or infinity");
}

// Newton's method on the Legendre polynomial P_n, from Chebyshev's points.
Quadrature gauss_legendre(int count) {
  Quadrature rule;
  rule.nodes.resize(size_t(count));
  rule.weights.resize(size_t(count));
  for (int i = 0; i < count; ++i) {
    double x = std::cos(kPi * (i + 0.75) / (count + 0.5)), slope = 1;
    double step = 1;
    for (int round = 0; round < 100 && std::abs(step) > 1e-15; ++round) {
      double before = 0, value = 1;  // P_{k−1}, P_k
      for (int k = 1; k <= count; ++k) {
        const double next = ((2 * k - 1) * x * value - (k - 1) * before) / k;
        before = value;
        value = next;
      }
      slope = count * (x * value - before) / (x * x - 1);
      step = value / slope;
      x -= step;
    }
    const size_t place = size_t(count - 1 - i);  // ascending
    rule.nodes[place] = (1 + x) / 2;
    rule.weights[place] = 1 / ((1 - x * x) * slope * slope);
  }
  return rule;
}

std::vector<float> baseline_of(Baseline baseline, const float* clip, const ClipSpec& spec,
                               const MultiPassOptions& options) {
  if (baseline == Baseline::kGiven) return *options.baseline_clip;
  if (baseline == Baseline::kBlurred) return blurred(clip, spec);
  std::vector<float> values(size_of(spec));
  if (baseline == Baseline::kFrozen) freeze_clip(clip, spec, spec.length / 2, values.data());
  return values;
}

MultiPassResult integrated_gradients(const RunPass& run, const ModelInputs& x, const ClipSpec& spec,
                                     const MultiPassOptions& options) {
  const size_t pixels = pixels_of(spec);
  std::vector<Input> inputs = inputs_of(x, spec);
  inputs[0].baseline = baseline_of(options.baseline, x.clip, spec, options);
  const Quadrature rule = gauss_legendre(options.steps);
  for (size_t i = 0; i < rule.nodes.size(); ++i) {
    interpolate(rule.nodes[i], &inputs);
    add_products(run(all_of(inputs, &Input::between)).gradient, rule.weights[i], pixels, &inputs);
  }
  return result_of(inputs, pixels, run(all_of(inputs, &Input::baseline)).logit);
}

MultiPassResult smoothgrad(const RunPass& run, const ModelInputs& x, const ClipSpec& spec,
                           const MultiPassOptions& options) {
  const size_t pixels = pixels_of(spec);
  std::vector<Input> inputs = inputs_of(x, spec);
  std::vector<std::vector<double>> means;
  std::vector<float> deviations;
  for (const Input& input : inputs) {
    const auto [low, high] = std::minmax_element(input.values, input.values + input.between.size());
    deviations.push_back(options.noise * (*high - *low));
    means.emplace_back(input.between.size());
  }
  std::mt19937 random(kSeed);
  std::normal_distribution<float> normal;
  for (int step = 0; step < options.steps; ++step) {
    for (size_t at = 0; at < inputs.size(); ++at) {
      for (size_t i = 0; i < means[at].size(); ++i)
        inputs[at].between[i] = inputs[at].values[i] + deviations[at] * normal(random);
    }
    const ModelInputs gradient = run(all_of(inputs, &Input::between)).gradient;
    for (size_t at = 0; at < inputs.size(); ++at) {
      for (size_t i = 0; i < means[at].size(); ++i)
        means[at][i] += double{part(gradient, at)[i]} / options.steps;
    }
  }
  for (size_t at = 0; at < inputs.size(); ++at) {
    Input& input = inputs[at];
    for (size_t i = 0; i < means[at].size(); ++i)
      input.sums[i / (input.channels * pixels) * pixels + i % pixels] += std::abs(means[at][i]);
  }
  return result_of(inputs, pixels, kNone);
}

MultiPassResult gradient_shap(const RunPass& run, const ModelInputs& x, const ClipSpec& spec,
                              const MultiPassOptions& options) {
  const size_t pixels = pixels_of(spec);
  std::vector<Input> inputs = inputs_of(x, spec);
  std::mt19937 random(kSeed);
  std::uniform_real_distribution<double> uniform;
  // Which part of the path each baseline gets is drawn too: none keeps to one end.
  std::vector<int> parts(size_t(options.steps));
  for (int i = 0; i < options.steps; ++i) parts[size_t(i)] = i;
  std::shuffle(parts.begin(), parts.end(), random);
  double baseline_logit = 0;
  const int kinds = std::min(options.steps, 3);
  for (int kind = 0; kind < kinds; ++kind) {
    inputs[0].baseline = baseline_of(static_cast<Baseline>(kind), x.clip, spec, options);
    int drawn = 0;
    for (int step = kind; step < options.steps; step += 3, ++drawn) {
      interpolate((parts[size_t(step)] + uniform(random)) / options.steps, &inputs);
      const ModelInputs gradient = run(all_of(inputs, &Input::between)).gradient;
      add_products(gradient, 1.0 / options.steps, pixels, &inputs);
    }
    const float logit = run(all_of(inputs, &Input::baseline)).logit;
    baseline_logit += double{logit} * drawn / options.steps;
  }
  return result_of(inputs, pixels, baseline_logit);
}

void sum_cells(const std::vector<float>& relevance, const ClipSpec& spec, int t, int h, int w,
               float* tube) {
  std::fill(tube, tube + size_t(t) * h * w, 0.0f);
  const int slices = spec.length / t, rows = spec.height / h, columns = spec.width / w;
  size_t place = 0;
  for (int i = 0; i < spec.length; ++i) {
    for (int y = 0; y < spec.height; ++y) {
      float* cells = tube + (size_t(i / slices) * h + y / rows) * w;
      for (int x = 0; x < spec.width; ++x) cells[x / columns] += relevance[place++];
    }
  }
}

}  // namespace tubecam
