// Sampling, curve, peak and boxes of a tube.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "explain/tube/tube.h"

namespace tubecam {
namespace {

struct Tube {
  std::vector<float> values;
  TubeView view;

  Tube(int t, int h, int w, std::array<double, 3> stride, std::array<double, 3> offset)
      : values(size_t(t) * h * w) {
    std::mt19937 random(1);
    for (float& value : values) value = std::normal_distribution<float>()(random);
    view = {values.data(), t, h, w, stride, offset};
  }
  float at(int i, int y, int x) const { return values[(size_t(i) * view.h + y) * view.w + x]; }
};

TEST(SampleTube, CellCentresGiveTheCellsBack) {
  const Tube tube(3, 4, 5, {8, 16, 16}, {3.5, -0.5, 7.5});
  for (int i = 0; i < 3; ++i) {
    for (int y = 0; y < 4; ++y) {
      for (int x = 0; x < 5; ++x) {
        EXPECT_EQ(sample_tube(tube.view, 3.5 + 8 * i, 16 * y - 0.5, 7.5 + 16 * x),
                  tube.at(i, y, x));
      }
    }
  }
}

TEST(SampleTube, IsLinearBetweenCells) {
  const Tube tube(2, 2, 2, {2, 4, 4}, {0, 0, 0});
  EXPECT_FLOAT_EQ(sample_tube(tube.view, 0, 0, 1),
                  0.75f * tube.at(0, 0, 0) + 0.25f * tube.at(0, 0, 1));
  float mean = 0;
  for (const float value : tube.values) mean += value / 8;
  EXPECT_NEAR(sample_tube(tube.view, 1, 2, 2), mean, 1e-6);
}

TEST(SampleTube, IsClampedBeyondTheOutermostCells) {
  const Tube tube(2, 3, 4, {2, 4, 4}, {0.5, 1.5, 1.5});
  EXPECT_EQ(sample_tube(tube.view, -1e300, -1e300, -1e300), tube.at(0, 0, 0));
  EXPECT_EQ(sample_tube(tube.view, 1e300, 1e300, 1e300), tube.at(1, 2, 3));
  EXPECT_EQ(sample_tube(tube.view, NAN, -INFINITY, INFINITY), tube.at(0, 0, 3));
}

TEST(TubePlane, EqualsSamples) {
  const Tube tube(3, 2, 3, {2, 4, 4}, {0.5, 0, 0});
  for (const double slice : {-3.0, 0.5, 1.7, 2.5, 9.0}) {
    std::vector<float> plane(6);
    tube_plane(tube.view, slice, plane.data());
    for (int i = 0; i < 6; ++i) {
      EXPECT_FLOAT_EQ(plane[i], sample_tube(tube.view, slice, 4 * (i / 3), 4 * (i % 3)));
    }
  }
}

TEST(TemporalCurve, SumsPlanes) {
  const Tube tube(3, 4, 5, {4, 8, 8}, {1.5, 0, 0});
  std::vector<float> curve(12), plane(20);
  temporal_curve(tube.view, 12, curve.data());
  for (int slice = 0; slice < 12; ++slice) {
    tube_plane(tube.view, slice, plane.data());
    double sum = 0;
    for (const float value : plane) sum += value;
    EXPECT_NEAR(curve[slice], sum, 1e-5);
  }
}

TEST(TubePeak, IsTheCentreOfItsCell) {
  const Tube tube(2, 3, 4, {2, 4, 8}, {0.5, 1.5, 3.5});
  const Peak peak = tube_peak(tube.view, (1 * 3 + 2) * 4 + 3);
  EXPECT_EQ(peak.value, tube.at(1, 2, 3));
  EXPECT_EQ(peak.slice, 2.5);
  EXPECT_EQ(peak.y, 9.5);
  EXPECT_EQ(peak.x, 27.5);
}

TEST(PlaneBoxes, FramesRegionsGreatestFirst) {
  const float plane[] = {9, 9, 0, 0,   //
                         0, 9, 0, 12,  //
                         0, 0, 0, 12,  //
                         5, 0, 0, 0};
  const TubeView tube{plane, 1, 4, 4, {1, 8, 8}, {0, 3.5, 3.5}};
  const auto boxes = plane_boxes(plane, tube, 32, 32, {0.25f, 0, 0.5f, 1, 0}, 5);
  ASSERT_EQ(boxes.size(), 3u);
  EXPECT_EQ(boxes[0].value, 12);
  EXPECT_FLOAT_EQ(boxes[0].x, 0.625f);
  EXPECT_FLOAT_EQ(boxes[0].y, 0.25f);
  EXPECT_FLOAT_EQ(boxes[0].width, 0.125f);
  EXPECT_FLOAT_EQ(boxes[0].height, 0.5f);
  EXPECT_EQ(boxes[1].value, 9);
  EXPECT_FLOAT_EQ(boxes[1].width, 0.25f);
  EXPECT_EQ(boxes[2].value, 5);
  EXPECT_EQ(plane_boxes(plane, tube, 32, 32, {0, 0, 1, 1, 0}, 5, 2).size(), 2u);
  EXPECT_TRUE(plane_boxes(plane, tube, 32, 32, {0, 0, 1, 1, 0}, 13).empty());
}

TEST(PlaneBoxes, AreCutAtTheFrame) {
  const float plane[] = {1, 1, 1, 1};
  const TubeView tube{plane, 1, 2, 2, {1, 16, 16}, {0, 0, 0}};  // cells reach beyond the clip
  const auto boxes = plane_boxes(plane, tube, 32, 32, {-0.5f, 0, 2, 1, 0}, 1);
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_EQ(boxes[0].x, 0);
  EXPECT_EQ(boxes[0].y, 0);
  EXPECT_EQ(boxes[0].width, 1);
  EXPECT_LE(boxes[0].height, 1);
}

}  // namespace
}  // namespace tubecam
