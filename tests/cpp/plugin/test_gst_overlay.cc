// `tubeoverlay`: draws where there is an explanation, and nowhere else.
#include <cmath>

#include "support/annotate.h"
#include "support/gst_fixture.h"

namespace tubecam::testing {
namespace {

BufferPtr through(Rig& rig, const std::string& caps, bool with_meta) {
  GstBuffer* buffer = picture(caps, 0, 7);
  if (with_meta) annotate(buffer);
  gst_harness_push(rig.harness(), buffer);
  return BufferPtr(gst_harness_pull(rig.harness()));
}

// Bytes of columns [from, to) of an RGB picture that differ.
int changed(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b, int width, int from,
            int to) {
  int count = 0;
  const int stride = GST_ROUND_UP_4(width * 3);
  for (size_t i = 0; i < a.size(); ++i) {
    const int x = static_cast<int>(i) % stride / 3;
    count += x >= from && x < to && a[i] != b[i];
  }
  return count;
}

TEST(Overlay, WithoutAnExplanationFramesPassUntouched) {
  Rig rig("tubeoverlay");
  const std::string caps = video_caps("RGB", 64, 48);
  rig.caps(caps);
  const BufferPtr out = through(rig, caps, false), in(picture(caps, 0, 7));
  EXPECT_EQ(bytes_of(out.get()), bytes_of(in.get()));
}

TEST(Overlay, DrawsHeatWhereTheTubeIsHot) {
  Rig rig("tubeoverlay", {{"show-label", "false"}, {"show-strip", "false"}});
  const std::string caps = video_caps("RGB", 64, 64);
  rig.caps(caps);
  const BufferPtr out = through(rig, caps, true), in(picture(caps, 0, 7));
  const auto a = bytes_of(in.get()), b = bytes_of(out.get());
  EXPECT_GT(changed(a, b, 64, 0, 16), 16 * 64 * 2);
  EXPECT_EQ(changed(a, b, 64, 50, 64), 0);
}

// A black picture with an explanation, and the fields of that.
GstBuffer* explained_black(const std::string& caps, GstStructure** fields) {
  GstBuffer* buffer = picture(caps, 0);
  gst_buffer_memset(buffer, 0, 0, gst_buffer_get_size(buffer));
  annotate(buffer);
  *fields = gst_custom_meta_get_structure(gst_buffer_get_custom_meta(buffer, "tubecam"));
  return buffer;
}

TEST(Overlay, ACellIsDrawnWhereItsPixelsCameFrom) {
  // One hot cell of 5×5 over an 80×80 clip that was cut out of a frame of 200×120 at (60, 20),
  // 80 pixels wide and high.
  Rig rig("tubeoverlay", {{"show-label", "false"}, {"show-strip", "false"}, {"threshold", "0"}});
  const std::string caps = video_caps("RGB", 200, 120);
  rig.caps(caps);
  GstStructure* fields = nullptr;
  GstBuffer* buffer = explained_black(caps, &fields);
  gst_structure_set(fields, "tube-h", G_TYPE_INT, 5, "tube-w", G_TYPE_INT, 5, "stride-y",
                    G_TYPE_DOUBLE, 16.0, "stride-x", G_TYPE_DOUBLE, 16.0, "offset-y", G_TYPE_DOUBLE,
                    7.5, "offset-x", G_TYPE_DOUBLE, 7.5, "clip-height", G_TYPE_INT, 80,
                    "clip-width", G_TYPE_INT, 80, "crop-x", G_TYPE_DOUBLE, 60.0 / 200, "crop-y",
                    G_TYPE_DOUBLE, 20.0 / 120, "crop-width", G_TYPE_DOUBLE, 80.0 / 200,
                    "crop-height", G_TYPE_DOUBLE, 80.0 / 120, nullptr);
  std::vector<float> tube(25, 0.0f);
  tube[1 * 5 + 3] = 1;
  set_numbers<float>(fields, "tube", tube);
  gst_harness_push(rig.harness(), buffer);
  const auto drawn = bytes_of(BufferPtr(gst_harness_pull(rig.harness())).get());
  double sum = 0, x_sum = 0, y_sum = 0;
  for (int y = 0; y < 120; ++y) {
    for (int x = 0; x < 200; ++x) {
      const double light = drawn[y * 600 + 3 * x];  // red grows with heat
      sum += light;
      x_sum += light * (x + 0.5);
      y_sum += light * (y + 0.5);
    }
  }
  ASSERT_GT(sum, 0);
  EXPECT_NEAR(x_sum / sum, 60 + 16 * 3.5, 0.5);
  EXPECT_NEAR(y_sum / sum, 20 + 16 * 1.5, 0.5);
}

// The sum of differences that a tube of 5×5 cells, of a decision of 4 logits, makes in a black
// picture of 80×80.
long drawn_by(const std::vector<float>& tube, const std::map<std::string, std::string>& style) {
  std::map<std::string, std::string> heat_only = {{"show-label", "false"}, {"show-strip", "false"}};
  heat_only.insert(style.begin(), style.end());
  Rig rig("tubeoverlay", heat_only);
  const std::string caps = video_caps("RGB", 80, 80);
  rig.caps(caps);
  GstStructure* fields = nullptr;
  GstBuffer* buffer = explained_black(caps, &fields);
  gst_structure_set(fields, "tube-h", G_TYPE_INT, 5, "tube-w", G_TYPE_INT, 5, "stride-y",
                    G_TYPE_DOUBLE, 1.6, "stride-x", G_TYPE_DOUBLE, 1.6, "offset-y", G_TYPE_DOUBLE,
                    0.3, "offset-x", G_TYPE_DOUBLE, 0.3, "logit", G_TYPE_DOUBLE, 4.0, nullptr);
  set_numbers<float>(fields, "tube", tube);
  gst_harness_push(rig.harness(), buffer);
  long sum = 0;
  for (const uint8_t byte : bytes_of(BufferPtr(gst_harness_pull(rig.harness())).get())) sum += byte;
  return sum;
}

std::vector<float> one_hot(float value) {
  std::vector<float> tube(25, 0.0f);
  tube[12] = value;
  return tube;
}

std::vector<uint8_t> strip_of(const std::vector<float>& curve, const std::vector<float>& fused) {
  Rig rig("tubeoverlay", {{"show-label", "false"}, {"show-heat", "false"}});
  const std::string caps = video_caps("RGB", 320, 240);
  rig.caps(caps);
  GstBuffer* buffer = picture(caps, 0, 7);
  annotate(buffer);
  GstStructure* fields =
      gst_custom_meta_get_structure(gst_buffer_get_custom_meta(buffer, "tubecam"));
  set_numbers<float>(fields, "curve", curve);
  if (!fused.empty()) set_numbers<float>(fields, "fused-curve", fused);
  gst_harness_push(rig.harness(), buffer);
  return bytes_of(BufferPtr(gst_harness_pull(rig.harness())).get());
}

TEST(Overlay, TheStripIsTheFusedCurve) {
  EXPECT_EQ(strip_of({2, 2}, {0, 4}), strip_of({0, 4}, {}));
  EXPECT_NE(strip_of({2, 2}, {0, 4}), strip_of({2, 2}, {}));
}

TEST(Overlay, WeakEvidenceLooksWeak) {
  const long strong = drawn_by(one_hot(4), {}), weak = drawn_by(one_hot(0.3f), {});
  EXPECT_GT(weak, 0);
  EXPECT_LT(weak, strong / 5);
  // Four logits everywhere are 25 cells that each look weaker than the one that has them all.
  EXPECT_LT(drawn_by(std::vector<float>(25, 0.16f), {}), 25 * strong / 4);
}

TEST(Overlay, AFixedScaleIsTheSameForAll) {
  const std::map<std::string, std::string> fixed = {{"scale", "2"}};
  EXPECT_EQ(drawn_by(one_hot(0.2f), fixed), 0);
  EXPECT_EQ(drawn_by(one_hot(2), fixed), drawn_by(one_hot(4), fixed));
  EXPECT_EQ(drawn_by(one_hot(2), fixed), drawn_by(one_hot(4), {}));
}

TEST(Overlay, TheLegendStatesTheScale) {
  const auto drawn = [](const std::map<std::string, std::string>& style, int width) {
    Rig rig("tubeoverlay", style);
    const std::string caps = video_caps("RGB", width, 240);
    rig.caps(caps);
    return bytes_of(through(rig, caps, true).get());
  };
  // A threshold of 1 leaves the heat itself out.
  const std::map<std::string, std::string> heat = {{"threshold", "1"}}, none = {{"show-heat", "0"}},
                                           fixed = {{"threshold", "1"}, {"scale", "3"}};
  EXPECT_NE(drawn(heat, 320), drawn(none, 320));
  EXPECT_NE(drawn(fixed, 320), drawn(heat, 320));
  EXPECT_EQ(drawn(heat, 64), drawn(none, 64)) << "half a number would be a false one";
}

TEST(Overlay, EverythingOffIsPassthrough) {
  Rig rig("tubeoverlay",
          {{"show-label", "false"}, {"show-strip", "false"}, {"show-heat", "false"}});
  const std::string caps = video_caps("RGB", 64, 64);
  rig.caps(caps);
  EXPECT_TRUE(gst_base_transform_is_passthrough(GST_BASE_TRANSFORM(rig.element())));
  const BufferPtr in(picture(caps, 0, 7));
  EXPECT_EQ(bytes_of(through(rig, caps, true).get()), bytes_of(in.get()));
  rig.set("show-heat", "true");
  EXPECT_NE(bytes_of(through(rig, caps, true).get()), bytes_of(in.get()));
  rig.set("alpha", "0");
  EXPECT_EQ(bytes_of(through(rig, caps, true).get()), bytes_of(in.get()));
}

TEST(Overlay, AllFormatsAndSizesAreDrawnOn) {
  for (const char* format : {"NV12", "I420", "RGB", "BGR", "RGBx", "BGRx", "RGBA", "BGRA"}) {
    for (const auto& [width, height] : {std::pair(1, 1), std::pair(33, 17), std::pair(320, 241)}) {
      Rig rig("tubeoverlay");
      const std::string caps = video_caps(format, width, height);
      rig.caps(caps);
      const BufferPtr in(picture(caps, 0, 7));
      const auto drawn = bytes_of(through(rig, caps, true).get());
      EXPECT_EQ(drawn.size(), bytes_of(in.get()).size());
      // A single pixel lies between the blocks.
      EXPECT_EQ(drawn != bytes_of(in.get()), width > 1) << format << width;
      EXPECT_TRUE(rig.messages(GST_MESSAGE_WARNING).empty()) << format << width;
    }
  }
}

TEST(Overlay, SharedMemoryIsNotWrittenTo) {
  Rig rig("tubeoverlay");
  const std::string caps = video_caps("RGB", 64, 64);
  rig.caps(caps);
  BufferPtr mine(picture(caps, 0, 7));
  annotate(mine.get());
  const auto before = bytes_of(mine.get());
  gst_harness_push(rig.harness(), gst_buffer_ref(mine.get()));
  const BufferPtr out(gst_harness_pull(rig.harness()));
  EXPECT_EQ(bytes_of(mine.get()), before);
  EXPECT_NE(bytes_of(out.get()), before);
}

TEST(Overlay, AnInvalidExplanationHasNoHeat) {
  Rig rig("tubeoverlay", {{"show-label", "false"}});
  const std::string caps = video_caps("RGB", 64, 64);
  rig.caps(caps);
  GstBuffer* buffer = picture(caps, 0, 7);
  annotate(buffer, false);
  const auto before = bytes_of(buffer);
  gst_harness_push(rig.harness(), buffer);
  EXPECT_EQ(bytes_of(BufferPtr(gst_harness_pull(rig.harness())).get()), before);
}

TEST(Overlay, BrokenMetadataIsAWarningAndTheFramePasses) {
  const char* numbers[] = {"score", "stride-y", "crop-width", "slice"};
  const char* sizes[] = {"tube-h", "clip-length"};
  const char* bytes[] = {"tube", "curve"};
  const auto expect_warning = [](const char* name, auto&& spoil) {
    Rig rig("tubeoverlay");
    const std::string caps = video_caps("RGB", 64, 64);
    rig.caps(caps);
    GstBuffer* buffer = picture(caps, 0, 7);
    annotate(buffer);
    spoil(gst_custom_meta_get_structure(gst_buffer_get_custom_meta(buffer, "tubecam")));
    const auto before = bytes_of(buffer);
    EXPECT_EQ(gst_harness_push(rig.harness(), buffer), GST_FLOW_OK);
    EXPECT_EQ(bytes_of(BufferPtr(gst_harness_pull(rig.harness())).get()), before) << name;
    const auto warnings = rig.messages(GST_MESSAGE_WARNING);
    ASSERT_EQ(warnings.size(), 1u) << name;
    EXPECT_NE(warnings[0].find(name), std::string::npos) << warnings[0];
  };
  for (const char* name : numbers) {
    expect_warning(name, [&](GstStructure* fields) {
      gst_structure_set(fields, name, G_TYPE_DOUBLE, std::nan(""), nullptr);
    });
  }
  for (const char* name : sizes) {
    expect_warning(name, [&](GstStructure* fields) {
      gst_structure_set(fields, name, G_TYPE_INT, -1, nullptr);
    });
  }
  for (const char* name : bytes) {
    expect_warning(name, [&](GstStructure* fields) { set_numbers<float>(fields, name, {1}); });
    expect_warning(name, [&](GstStructure* fields) { gst_structure_remove_field(fields, name); });
  }
}

TEST(Overlay, NotANumberInTheTubeIsCold) {
  Rig rig("tubeoverlay", {{"show-label", "false"}, {"show-strip", "false"}});
  const std::string caps = video_caps("RGB", 64, 64);
  rig.caps(caps);
  GstBuffer* buffer = picture(caps, 0, 7);
  annotate(buffer);
  GstStructure* fields =
      gst_custom_meta_get_structure(gst_buffer_get_custom_meta(buffer, "tubecam"));
  set_numbers<float>(fields, "tube", std::vector<float>(4, std::nanf("")));
  const auto before = bytes_of(buffer);
  gst_harness_push(rig.harness(), buffer);
  EXPECT_EQ(bytes_of(BufferPtr(gst_harness_pull(rig.harness())).get()), before);
}

}  // namespace
}  // namespace tubecam::testing
