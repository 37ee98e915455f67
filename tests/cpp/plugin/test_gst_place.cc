// The explanation follows the picture: what the heat is at a point, it is where that point went.
#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "explain/tube/tube.h"
#include "support/annotate.h"
#include "support/gst_fixture.h"

namespace tubecam::testing {
namespace {

// As GStreamer 1.28 and newer give it with "gst-video-matrix".
struct Matrix {
  const GstVideoInfo* before;
  GstVideoRectangle from;
  const GstVideoInfo* after;
  GstVideoRectangle to;
  float values[3][3];
};

struct Turn {
  const char* name;
  float xx, xy, yx, yy;  // new x = xx·x + xy·y, new y = yx·x + yy·y
};
constexpr Turn kTurns[] = {
    {"none", 1, 0, 0, 1},        {"90R", 0, -1, 1, 0},
    {"180", -1, 0, 0, -1},       {"90L", 0, 1, -1, 0},
    {"horizontal", -1, 0, 0, 1}, {"vertical", 1, 0, 0, -1},
    {"diagonal", 0, 1, 1, 0},    {"other diagonal", 0, -1, -1, 0},
};

GstVideoInfo info_of(int width, int height, int par_n = 1, int par_d = 1) {
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_RGB, width, height);
  info.par_n = par_n;
  info.par_d = par_d;
  return info;
}

constexpr int kWidth = 96, kHeight = 60;

// A frame of kWidth×kHeight with 2×3×4 cells over a clip of 24×32 that is a part of it.
BufferPtr explained_frame() {
  BufferPtr buffer(picture(video_caps("RGB", kWidth, kHeight), 0));
  annotate(buffer.get());
  GstStructure* fields =
      gst_custom_meta_get_structure(gst_buffer_get_custom_meta(buffer.get(), "tubecam"));
  gst_structure_set(fields, "tube-t", G_TYPE_INT, 2, "tube-h", G_TYPE_INT, 3, "tube-w", G_TYPE_INT,
                    4, "stride-y", G_TYPE_DOUBLE, 7.0, "stride-x", G_TYPE_DOUBLE, 8.0, "offset-y",
                    G_TYPE_DOUBLE, 2.5, "offset-x", G_TYPE_DOUBLE, 4.5, "clip-height", G_TYPE_INT,
                    24, "clip-width", G_TYPE_INT, 32, "crop-x", G_TYPE_DOUBLE, 0.1, "crop-y",
                    G_TYPE_DOUBLE, 0.2, "crop-width", G_TYPE_DOUBLE, 0.7, "crop-height",
                    G_TYPE_DOUBLE, 0.6, "frame-width", G_TYPE_INT, kWidth, "frame-height",
                    G_TYPE_INT, kHeight, "peak-y", G_TYPE_DOUBLE, 5.0, "peak-x", G_TYPE_DOUBLE,
                    20.0, "peak-frame-y", G_TYPE_DOUBLE, 0.2 + 0.6 * 5.5 / 24, "peak-frame-x",
                    G_TYPE_DOUBLE, 0.1 + 0.7 * 20.5 / 32, nullptr);
  std::vector<float> cells(24);
  std::mt19937 random(3);
  for (float& cell : cells) cell = std::uniform_real_distribution<float>(0, 1)(random);
  set_numbers<float>(fields, "tube", cells);
  set_numbers<float>(fields, "motion", cells);
  set_numbers<float>(fields, "boxes",
                     {0.25f, 0.3f, 0.25f, 0.4f, 0.7f, 0.9f, 0.9f, 0.1f, 0.1f, 0.5f});
  return buffer;
}

// The fields after `matrix`, or null where they could not follow.
const GstStructure* followed(GstBuffer* before, GstBuffer* after, const char* type, void* data) {
  GstMeta* meta = &gst_buffer_get_custom_meta(before, "tubecam")->meta;
  const gboolean done =
      meta->info->transform_func(after, meta, before, g_quark_from_string(type), data);
  EXPECT_EQ(done, annotation_of(after) != nullptr);
  return annotation_of(after);
}

double number(const GstStructure* fields, const char* name) {
  double value = std::nan("");
  EXPECT_TRUE(gst_structure_get_double(fields, name, &value)) << name;
  return value;
}
int whole(const GstStructure* fields, const char* name) {
  int value = -1;
  EXPECT_TRUE(gst_structure_get_int(fields, name, &value)) << name;
  return value;
}
std::vector<float> floats(const GstStructure* fields, const char* name) {
  auto* bytes = static_cast<GBytes*>(g_value_get_boxed(gst_structure_get_value(fields, name)));
  gsize size = 0;
  const auto* data = static_cast<const float*>(g_bytes_get_data(bytes, &size));
  return {data, data + size / sizeof(float)};
}

// At a point of the picture, 0…1.
float heat_at(const GstStructure* fields, double slice, double x, double y) {
  const std::vector<float> cells = floats(fields, "tube");
  TubeView tube;
  tube.t = whole(fields, "tube-t");
  tube.h = whole(fields, "tube-h");
  tube.w = whole(fields, "tube-w");
  tube.stride = {1, number(fields, "stride-y"), number(fields, "stride-x")};
  tube.offset = {0, number(fields, "offset-y"), number(fields, "offset-x")};
  tube.values = cells.data();
  const auto clip_pixel = [&](double at, const char* from, const char* size, const char* clip) {
    return (at - number(fields, from)) / number(fields, size) * whole(fields, clip) - 0.5;
  };
  return sample_tube(tube, slice, clip_pixel(y, "crop-y", "crop-height", "clip-height"),
                     clip_pixel(x, "crop-x", "crop-width", "clip-width"));
}

class Turns : public ::testing::TestWithParam<Turn> {};

// Cuts `from` out, turns it, scales it by a half and puts it into a larger picture.
TEST_P(Turns, HeatIsWhereItsPointWent) {
  const Turn turn = GetParam();
  const GstVideoInfo before = info_of(kWidth, kHeight), after = info_of(200, 150);
  const GstVideoRectangle from = {12, 6, 60, 40};
  const bool turned = turn.xx == 0;
  const double w = turned ? from.h : from.w, h = turned ? from.w : from.h;
  Matrix matrix = {&before, from, &after, {30, 20, int(w / 2), int(h / 2)}, {}};
  const double half = 0.5;
  matrix.values[0][0] = float(turn.xx * half), matrix.values[0][1] = float(turn.xy * half);
  matrix.values[1][0] = float(turn.yx * half), matrix.values[1][1] = float(turn.yy * half);
  matrix.values[2][2] = 1;
  // Mirrored, pixel 0 becomes pixel w − 1.
  const bool x_mirrored = turn.xx + turn.xy < 0, y_mirrored = turn.yx + turn.yy < 0;
  matrix.values[0][2] = x_mirrored ? float(w * half - 1) : 0;
  matrix.values[1][2] = y_mirrored ? float(h * half - 1) : 0;

  const BufferPtr old = explained_frame(), made(gst_buffer_new());
  const GstStructure* fields = followed(old.get(), made.get(), "gst-video-matrix", &matrix);
  ASSERT_NE(fields, nullptr);
  const auto moved = [&](double x, double y) -> std::array<double, 2> {
    x = x * kWidth - from.x, y = y * kHeight - from.y;
    const double new_x = (turn.xx * x + turn.xy * y + (x_mirrored ? w : 0)) * half + 30;
    const double new_y = (turn.yx * x + turn.yy * y + (y_mirrored ? h : 0)) * half + 20;
    return {new_x / 200, new_y / 150};
  };
  std::mt19937 random(1);
  std::uniform_real_distribution<double> anywhere(0, 1);
  for (int i = 0; i < 200; ++i) {
    const double x = anywhere(random), y = anywhere(random), slice = anywhere(random);
    const auto [new_x, new_y] = moved(x, y);
    EXPECT_NEAR(heat_at(fields, slice, new_x, new_y),
                heat_at(annotation_of(old.get()), slice, x, y), 1e-4);
  }
  EXPECT_EQ(floats(fields, "tube"), floats(fields, "motion"));
  EXPECT_EQ(whole(fields, "frame-width"), 200);
  EXPECT_EQ(whole(fields, "frame-height"), 150);
  const auto peak = moved(0.1 + 0.7 * 20.5 / 32, 0.2 + 0.6 * 5.5 / 24);
  EXPECT_NEAR(number(fields, "peak-frame-x"), peak[0], 1e-6);
  EXPECT_NEAR(number(fields, "peak-frame-y"), peak[1], 1e-6);
  EXPECT_NEAR(number(fields, "crop-x") + number(fields, "crop-width") *
                                             (number(fields, "peak-x") + 0.5) /
                                             whole(fields, "clip-width"),
              peak[0], 1e-6);
  const std::vector<float> boxes = floats(fields, "boxes");  // all of the second one, too, is there
  ASSERT_EQ(boxes.size(), 10u);
  const auto corner = moved(0.25, 0.3), opposite = moved(0.5, 0.7);
  EXPECT_NEAR(boxes[0], std::min(corner[0], opposite[0]), 1e-5);
  EXPECT_NEAR(boxes[1], std::min(corner[1], opposite[1]), 1e-5);
  EXPECT_NEAR(boxes[2], std::abs(opposite[0] - corner[0]), 1e-5);
  EXPECT_EQ(boxes[4], 0.7f);
}

INSTANTIATE_TEST_SUITE_P(All, Turns, ::testing::ValuesIn(kTurns), [](const auto& info) {
  std::string name = info.param.name;
  for (char& c : name) c = c == ' ' ? '_' : c;
  return name;
});

TEST(Place, BoxesAreCutAtThePicturesEdges) {
  const GstVideoInfo before = info_of(kWidth, kHeight), after = info_of(48, 60);
  Matrix matrix = {&before, {36, 0, 48, 60}, &after, {0, 0, 48, 60}, {}};
  for (int i = 0; i < 3; ++i) matrix.values[i][i] = 1;
  const BufferPtr old = explained_frame(), made(gst_buffer_new());
  const auto boxes = floats(followed(old.get(), made.get(), "gst-video-matrix", &matrix), "boxes");
  ASSERT_EQ(boxes.size(), 5u);  // the other lies outside
  EXPECT_FLOAT_EQ(boxes[0], 0);
  EXPECT_FLOAT_EQ(boxes[2], 12.0f / 48);
  EXPECT_FLOAT_EQ(boxes[3], 0.4f);
}

TEST(Place, APictureOfTheSameShapeIsScaledAndOthersMayHaveBorders) {
  struct Case {
    GstVideoInfo after;
    bool follows;
  };
  const Case cases[] = {{info_of(192, 120), true},       {info_of(33, 21), true},
                        {info_of(96, 60, 0, 1), true},   {info_of(60, 60, 8, 5), true},
                        {info_of(60, 60), false},        {info_of(96, 62), false},
                        {info_of(96, 60, 16, 15), false}};
  for (const Case& c : cases) {
    const GstVideoInfo before = info_of(kWidth, kHeight);
    GstVideoMetaTransform scaling = {const_cast<GstVideoInfo*>(&before),
                                     const_cast<GstVideoInfo*>(&c.after)};
    const BufferPtr old = explained_frame(), made(gst_buffer_new());
    const GstStructure* fields = followed(old.get(), made.get(), "gst-video-scale", &scaling);
    ASSERT_EQ(fields != nullptr, c.follows) << c.after.width << "x" << c.after.height;
    if (!fields) continue;
    EXPECT_EQ(whole(fields, "frame-width"), c.after.width);
    EXPECT_DOUBLE_EQ(number(fields, "crop-x"), 0.1);
    EXPECT_EQ(floats(fields, "tube"), floats(annotation_of(old.get()), "tube"));
  }
}

TEST(Place, WhatIsNoRectangleOrUnknownStaysBehind) {
  const GstVideoInfo info = info_of(kWidth, kHeight);
  Matrix sheared = {&info, {0, 0, kWidth, kHeight}, &info, {0, 0, kWidth, kHeight}, {}};
  for (int i = 0; i < 3; ++i) sheared.values[i][i] = 1;
  Matrix flat = sheared, tilted = sheared;
  sheared.values[0][1] = 0.1f;
  flat.values[1][1] = 0;
  tilted.values[2][0] = 0.01f;
  for (Matrix* matrix : {&sheared, &flat, &tilted}) {
    const BufferPtr old = explained_frame(), made(gst_buffer_new());
    EXPECT_EQ(followed(old.get(), made.get(), "gst-video-matrix", matrix), nullptr);
  }
  const BufferPtr old = explained_frame(), made(gst_buffer_new());
  EXPECT_EQ(followed(old.get(), made.get(), "of-another-kind", nullptr), nullptr);
}

// GStreamer before 1.22 cannot compare bytes.
bool equal(const GValue* a, const GValue* b) {
  if (!b || G_VALUE_TYPE(a) != G_VALUE_TYPE(b)) return false;
  if (G_VALUE_TYPE(a) != G_TYPE_BYTES) return gst_value_compare(a, b) == GST_VALUE_EQUAL;
  return g_bytes_equal(g_value_get_boxed(a), g_value_get_boxed(b));
}

TEST(Place, ACopyIsWhole) {
  const BufferPtr old = explained_frame(), copy(gst_buffer_copy(old.get()));
  const GstStructure *fields = annotation_of(old.get()), *copied = annotation_of(copy.get());
  const int count = gst_structure_n_fields(fields);
  ASSERT_EQ(gst_structure_n_fields(copied), count);
  ASSERT_GT(count, 0);
  for (int i = 0; i < count; ++i) {
    const char* name = gst_structure_nth_field_name(fields, i);
    EXPECT_TRUE(equal(gst_structure_get_value(fields, name), gst_structure_get_value(copied, name)))
        << name;
  }
}

TEST(Place, AnExplanationOfAnotherSizeIsNotDrawnAndSaysSoOnce) {
  Rig rig("tubeoverlay");
  const std::string caps = video_caps("RGB", kWidth / 2, kHeight / 2);
  rig.caps(caps);
  for (int i = 0; i < 3; ++i) {
    const BufferPtr explained = explained_frame();
    GstBuffer* buffer = picture(caps, i * kFrame);
    const auto before = bytes_of(buffer);
    gst_buffer_copy_into(buffer, explained.get(), GST_BUFFER_COPY_META, 0, -1);
    gst_harness_push(rig.harness(), buffer);
    EXPECT_EQ(bytes_of(BufferPtr(gst_harness_pull(rig.harness())).get()), before);
  }
  const auto warnings = rig.messages(GST_MESSAGE_WARNING);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("another size"), std::string::npos) << warnings[0];
}

TEST(Place, FramesThatNoTubecamHasSeenAreToldOnce) {
  Rig rig("tubeoverlay");
  rig.caps(video_caps("RGB", 64, 48));
  rig.play(3);
  EXPECT_EQ(rig.take().size(), 3u);
  const auto warnings = rig.messages(GST_MESSAGE_WARNING);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("no tubecam has seen"), std::string::npos) << warnings[0];
}

TEST(Place, TheStartIsNoLoss) {
  Rig explain("tubecam"), draw("tubeoverlay");
  explain.caps(video_caps("RGB", 64, 48));
  draw.caps(video_caps("RGB", 64, 48));
  explain.play(5);
  for (BufferPtr& frame : explain.take()) gst_harness_push(draw.harness(), frame.release());
  EXPECT_EQ(draw.take().size(), 5u);
  EXPECT_TRUE(draw.messages(GST_MESSAGE_WARNING).empty());
}

// A picture of 40×24 of which a crop meta leaves 20×10 at (6, 4).
BufferPtr cropped_by_meta(const std::string& format, unsigned seed) {
  GstVideoInfo info;
  gst_video_info_set_format(&info, gst_video_format_from_string(format.c_str()), 40, 24);
  BufferPtr buffer(picture(video_caps(format, 40, 24), 0, seed));
  gst_buffer_add_video_meta(buffer.get(), GST_VIDEO_FRAME_FLAG_NONE, info.finfo->format, 40, 24);
  GstVideoCropMeta* crop = gst_buffer_add_video_crop_meta(buffer.get());
  crop->x = 6, crop->y = 4, crop->width = 20, crop->height = 10;
  return buffer;
}

// The same 20×10 pixels in a buffer of their own.
BufferPtr cut_out(const std::string& format, unsigned seed) {
  GstVideoInfo large, small;
  const GstVideoFormat kind = gst_video_format_from_string(format.c_str());
  gst_video_info_set_format(&large, kind, 40, 24);
  gst_video_info_set_format(&small, kind, 20, 10);
  const BufferPtr whole(picture(video_caps(format, 40, 24), 0, seed));
  BufferPtr cut(picture(video_caps(format, 20, 10), 0));
  GstVideoFrame from, to;
  gst_video_frame_map(&from, &large, whole.get(), GST_MAP_READ);
  gst_video_frame_map(&to, &small, cut.get(), GST_MAP_WRITE);
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS(&from); ++c) {
    const int shift_x = GST_VIDEO_FORMAT_INFO_W_SUB(from.info.finfo, c);
    const int shift_y = GST_VIDEO_FORMAT_INFO_H_SUB(from.info.finfo, c);
    const int step = GST_VIDEO_FRAME_COMP_PSTRIDE(&from, c);
    for (int y = 0; y < 10 >> shift_y; ++y) {
      const auto* in = static_cast<uint8_t*>(GST_VIDEO_FRAME_COMP_DATA(&from, c)) +
                       (y + (4 >> shift_y)) * GST_VIDEO_FRAME_COMP_STRIDE(&from, c) +
                       (6 >> shift_x) * step;
      auto* out = static_cast<uint8_t*>(GST_VIDEO_FRAME_COMP_DATA(&to, c)) +
                  y * GST_VIDEO_FRAME_COMP_STRIDE(&to, c);
      for (int x = 0; x < 20 >> shift_x; ++x) out[x * step] = in[x * step];
    }
  }
  gst_video_frame_unmap(&from);
  gst_video_frame_unmap(&to);
  return cut;
}

TEST(Place, OnlyWhatACropMetaLeavesIsLookedAt) {
  for (const char* format : {"RGB", "BGRx", "NV12", "I420"}) {
    std::vector<float> logits[2];
    for (const bool by_meta : {false, true}) {
      Rig rig("tubecam", delayed());
      rig.caps(video_caps(format, 20, 10));
      for (unsigned i = 0; i < kWindow; ++i) {
        BufferPtr buffer = by_meta ? cropped_by_meta(format, i) : cut_out(format, i);
        GST_BUFFER_PTS(buffer.get()) = i * kFrame;
        gst_harness_push(rig.harness(), buffer.release());
      }
      rig.end();
      const auto out = rig.take();
      ASSERT_EQ(annotated(out), kWindow) << format;
      logits[by_meta] = floats(annotation_of(out[0].get()), "logits");
    }
    EXPECT_EQ(logits[0], logits[1]) << format;
  }
}

}  // namespace
}  // namespace tubecam::testing
