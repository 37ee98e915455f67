// cam3d on numbers that a person can check; Python's tests compare it with the NumPy definition.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "explain/methods/cam3d.h"

namespace tubecam {
namespace {

constexpr CamMethod kMethods[] = {
    CamMethod::kGradCam,  CamMethod::kCam,      CamMethod::kGradCamFrame,
    CamMethod::kHiResCam, CamMethod::kLayerCam, CamMethod::kGradCamPlusPlus,
    CamMethod::kXGradCam,
};

// Two channels, two times, one row of two cells.
struct Case {
  std::vector<float> activation = {1, 2, 3, 4, 4, 0, 0, 2};
  std::vector<float> gradient = {1, -1, 2, 0, 0, -2, 1, 0};
  std::vector<float> weight = {2, -1};

  CamInput with_gradient() const {
    return {activation.data(), nullptr, gradient.data(), 2, 2, 1, 2};
  }
  CamInput with_weight() const { return {activation.data(), weight.data(), nullptr, 2, 2, 1, 2}; }
};

std::vector<float> tube_of(const CamInput& input, CamMethod method) {
  std::vector<float> tube(size_t(input.t) * input.h * input.w, -7);
  cam3d(input, method, tube.data());
  return tube;
}

void expect_near(const std::vector<float>& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-6) << i;
}

TEST(Cam3d, WithGradient) {
  const Case c;
  const CamInput input = c.with_gradient();
  expect_near(tube_of(input, CamMethod::kGradCam), {0, 1, 1.5, 1.5});   // w = 1/2, −1/4
  expect_near(tube_of(input, CamMethod::kGradCamFrame), {0, 0, 3, 5});  // w = 0, −1 | 1, 1/2
  expect_near(tube_of(input, CamMethod::kHiResCam), {1, -2, 6, 0});
  expect_near(tube_of(input, CamMethod::kLayerCam), {1, 0, 6, 0});
  expect_near(tube_of(input, CamMethod::kXGradCam), {0.5, 1, 1.5, 2});  // w = 5/10, 0/6
  const double w0 = (1 / 12.0 + 2 / 22.0) / 4, w1 = 1 / 32.0;  // Σ g/(2 + g ΣA)/Z, ΣA = 10, 6
  expect_near(tube_of(input, CamMethod::kGradCamPlusPlus),
              {w0 + 4 * w1, 2 * w0, 3 * w0, 4 * w0 + 2 * w1});
}

TEST(Cam3d, WithWeight) {
  const Case c;
  const CamInput input = c.with_weight();
  expect_near(tube_of(input, CamMethod::kCam), {-0.5, 1, 1.5, 1.5});
  expect_near(tube_of(input, CamMethod::kHiResCam), {-0.5, 1, 1.5, 1.5});
  for (const CamMethod method :
       {CamMethod::kGradCam, CamMethod::kGradCamFrame, CamMethod::kXGradCam}) {
    expect_near(tube_of(input, method), {0, 1, 1.5, 1.5});
  }
  expect_near(tube_of(input, CamMethod::kLayerCam), {0.5, 1, 1.5, 2});
  const double w = 2 / (2 + 2 * 2.5) / 4;  // ReLU(W)/(2 + W·mean A)/Z
  expect_near(tube_of(input, CamMethod::kGradCamPlusPlus), {w, 2 * w, 3 * w, 4 * w});
}

TEST(Cam3d, Statistics) {
  const Case c;
  std::vector<float> tube(4);
  const CamStats stats = cam3d(c.with_weight(), CamMethod::kCam, tube.data());
  EXPECT_EQ(stats.min, -0.5f);
  EXPECT_EQ(stats.max, 1.5f);
  EXPECT_EQ(stats.peak, 2);  // the first of two
  EXPECT_EQ(stats.sum, 3.5);
  EXPECT_TRUE(stats.finite);
  EXPECT_DOUBLE_EQ(cam3d(c.with_weight(), CamMethod::kGradCam, tube.data()).sum,
                   3.5);  // before ReLU
}

TEST(Cam3d, NoticesWhatIsNotFinite) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    for (const CamMethod method : kMethods) {
      for (int place = 0; place < 18; ++place) {
        Case c;
        if (place < 8)
          c.activation[place] = bad;
        else if (place < 16)
          c.gradient[place - 8] = bad;
        else
          c.weight[place - 16] = bad;
        if (method == CamMethod::kCam && place >= 8 && place < 16) continue;
        const bool closed = place >= 16 || method == CamMethod::kCam;
        std::vector<float> tube(4, 1);
        const CamStats stats =
            cam3d(closed ? c.with_weight() : c.with_gradient(), method, tube.data());
        EXPECT_FALSE(stats.finite) << to_string(method) << " " << place << " " << bad;
        EXPECT_EQ(tube, std::vector<float>(4, 0));
      }
    }
  }
}

TEST(Cam3d, NamesComeBack) {
  ASSERT_EQ(method_names(MethodKind::kClassActivation).size(), std::size(kMethods));
  for (const CamMethod method : kMethods) EXPECT_EQ(parse_cam_method(to_string(method)), method);
  EXPECT_STREQ(to_string(CamMethod::kGradCamPlusPlus), "gradcam++");
  EXPECT_STREQ(to_string(CamMethod::kGradCamFrame), "gradcam-frame");
  EXPECT_THROW(parse_cam_method("GradCAM"), Error);
  EXPECT_THROW(parse_cam_method(""), Error);
}

TEST(Cam3d, RefusesWhatItCannotCompute) {
  const Case c;
  float tube[4];
  EXPECT_THROW(cam3d(c.with_gradient(), CamMethod::kCam, tube), Error);
  EXPECT_THROW(
      cam3d({c.activation.data(), nullptr, nullptr, 2, 2, 1, 2}, CamMethod::kGradCam, tube), Error);
  EXPECT_THROW(cam3d(c.with_weight(), CamMethod::kGradCam, nullptr), Error);
  for (int axis = 0; axis < 4; ++axis) {
    CamInput input = c.with_weight();
    (axis == 0   ? input.channels
     : axis == 1 ? input.t
     : axis == 2 ? input.h
                 : input.w) = axis % 2 ? -1 : 0;
    EXPECT_THROW(cam3d(input, CamMethod::kGradCam, tube), Error);
  }
  EXPECT_THROW(cam3d(c.with_weight(), CamMethod::kGradCam, tube, {DeviceType::kCuda, 999}), Error);
}

}  // namespace
}  // namespace tubecam
