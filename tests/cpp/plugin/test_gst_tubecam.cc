// `tubecam` between two pads: every frame comes out, in order, untouched, with what it should
// carry.
#include <cstring>
#include <string>
#include <tuple>

#include "support/gst_fixture.h"

namespace tubecam::testing {
namespace {

void expect_times(const std::vector<BufferPtr>& frames, int count, GstClockTime from = 0) {
  ASSERT_EQ(static_cast<int>(frames.size()), count);
  for (int i = 0; i < count; ++i) EXPECT_EQ(GST_BUFFER_PTS(frames[i].get()), from + i * kFrame);
}

class Formats : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(Formats, PixelsPassUntouched) {
  const auto [format, align] = GetParam();
  for (const auto& [width, height] : {std::pair(33, 17), std::pair(64, 48), std::pair(1, 1)}) {
    Rig rig("tubecam", {{"align", align}});
    const std::string caps = video_caps(format, width, height);
    rig.caps(caps);
    rig.play(kWindow + 3);
    rig.end();
    const auto out = rig.take();
    expect_times(out, kWindow + 3);
    for (size_t i = 0; i < out.size(); ++i) {
      const BufferPtr pushed(picture(caps, 0, i));
      ASSERT_EQ(bytes_of(out[i].get()), bytes_of(pushed.get())) << format << " frame " << i;
    }
    EXPECT_EQ(rig.count("windows"), 1u) << format;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Formats,
                         ::testing::Combine(::testing::Values("NV12", "I420", "RGB", "BGR", "RGBx",
                                                              "BGRx", "RGBA", "BGRA"),
                                            ::testing::Values("latest", "delayed")),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) + "_" +
                                  std::get<1>(info.param);
                         });

TEST(Tubecam, RefusesOtherFormats) {
  Rig rig("tubecam");
  GstCaps* caps =
      gst_caps_from_string("video/x-raw,format=GRAY8,width=32,height=32,framerate=30/1");
  EXPECT_FALSE(gst_pad_query_accept_caps(GST_PAD_PEER(rig.harness()->srcpad), caps));
  gst_caps_unref(caps);
}

TEST(Tubecam, ReadsAnyStrideAndOffset) {
  // The same picture, packed and with wide rows, has the same explanation.
  std::vector<double> scores;
  for (const bool wide : {false, true}) {
    Rig rig("tubecam", delayed());
    const std::string caps = video_caps("RGB", 20, 10);
    rig.caps(caps);
    for (int i = 0; i < kWindow; ++i) {
      BufferPtr packed(picture(caps, i * kFrame, i));
      if (!wide) {
        gst_harness_push(rig.harness(), packed.release());
        continue;
      }
      constexpr gsize kOffset = 37;
      constexpr gint kStride = 101;
      GstBuffer* buffer = gst_buffer_new_allocate(nullptr, kOffset + kStride * 10, nullptr);
      gst_buffer_memset(buffer, 0, 0xee, kOffset + kStride * 10);
      GstMapInfo map;
      gst_buffer_map(packed.get(), &map, GST_MAP_READ);
      for (int y = 0; y < 10; ++y) {  // rows of 20 RGB pixels are padded to 60 bytes
        gst_buffer_fill(buffer, kOffset + y * kStride, map.data + y * 60, 60);
      }
      gst_buffer_unmap(packed.get(), &map);
      gsize offsets[] = {kOffset, 0, 0, 0};
      gint strides[] = {kStride, 0, 0, 0};
      gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB, 20,
                                     10, 1, offsets, strides);
      GST_BUFFER_PTS(buffer) = i * kFrame;
      gst_harness_push(rig.harness(), buffer);
    }
    rig.end();
    const auto out = rig.take();
    ASSERT_EQ(annotated(out), kWindow);
    double score = 0;
    gst_structure_get_double(annotation_of(out[0].get()), "score", &score);
    scores.push_back(score);
  }
  EXPECT_DOUBLE_EQ(scores[0], scores[1]);
}

TEST(Tubecam, DelayedFramesAllCarryTheirOwnExplanation) {
  Rig rig("tubecam", delayed());
  rig.caps(video_caps("I420", 64, 48));
  rig.play(75);
  EXPECT_LT(rig.take().size(), 75u);  // some wait
  Rig other("tubecam", delayed());
  other.caps(video_caps("I420", 64, 48));
  other.play(75);
  other.end();
  const auto out = other.take();
  expect_times(out, 75);
  EXPECT_EQ(annotated(out), 75);
  guint64 last = 0;
  for (const BufferPtr& frame : out) {
    const GstStructure* fields = annotation_of(frame.get());
    const guint64 window = field_u64(fields, "window");
    EXPECT_GE(window, last);
    last = window;
    EXPECT_EQ(field_u64(fields, "timestamp"), GST_BUFFER_PTS(frame.get()));
  }
  EXPECT_EQ(last + 1, other.count("windows"));
}

TEST(Tubecam, LatestStartsWithoutAndGoesOnWith) {
  Rig rig("tubecam", {{"late-windows", "wait"}});
  rig.caps(video_caps("RGB", 64, 48));
  rig.play(90);
  const auto out = rig.take();
  expect_times(out, 90);
  for (int i = 0; i < kWindow - 1; ++i) EXPECT_EQ(annotation_of(out[i].get()), nullptr) << i;
  // Two slots: when the third window is handed over, the first one is explained.
  for (int i = kWindow + 16; i < 90; ++i) EXPECT_NE(annotation_of(out[i].get()), nullptr) << i;
}

TEST(Tubecam, OneMessageAWindowBeforeTheEnd) {
  Rig rig("tubecam");
  rig.caps(video_caps("RGB", 64, 48));
  rig.play(90);
  rig.end();
  EXPECT_EQ(rig.messages(GST_MESSAGE_ELEMENT).size(), rig.count("windows"));
  EXPECT_EQ(rig.count("dropped-windows"), 0u);
  EXPECT_EQ(rig.count("resets"), 0u);
}

TEST(Tubecam, AVideoShorterThanAWindowIsSaidToBe) {
  Rig rig("tubecam", delayed());
  rig.caps(video_caps("RGB", 64, 48));
  rig.play(10);
  rig.end();
  const auto out = rig.take();
  expect_times(out, 10);
  EXPECT_EQ(annotated(out), 0);
  const auto warnings = rig.messages(GST_MESSAGE_WARNING);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("before its first window"), std::string::npos) << warnings[0];
}

TEST(Tubecam, AFlushForgets) {
  for (const char* align : {"latest", "delayed"}) {
    Rig rig("tubecam", {{"align", align}});
    rig.caps(video_caps("RGB", 64, 48));
    rig.play(kWindow + 9);
    rig.event(gst_event_new_flush_start());
    rig.event(gst_event_new_flush_stop(TRUE));
    rig.take();
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    rig.event(gst_event_new_segment(&segment));
    rig.play(20);
    rig.end();
    const auto out = rig.take();
    expect_times(out, 20);
    EXPECT_EQ(annotated(out), 0) << align;
    EXPECT_EQ(rig.count("resets"), 1u) << align;
  }
}

TEST(Tubecam, AWindowDoesNotSpanSegmentsGapsStepsBackOrSizes) {
  struct Case {
    const char* what;
    GstClockTime from;
    int width;
    bool segment;
  };
  const Case cases[] = {{"segment", 20 * kFrame, 64, true},
                        {"gap", 100 * kFrame, 64, false},
                        {"step back", 0, 64, false},
                        {"size", 20 * kFrame, 32, false}};
  for (const Case& c : cases) {
    Rig rig("tubecam", delayed());
    rig.caps(video_caps("RGB", 64, 48));
    rig.play(20);
    if (c.segment) {
      GstSegment segment;
      gst_segment_init(&segment, GST_FORMAT_TIME);
      segment.base = 5 * GST_SECOND;
      rig.event(gst_event_new_segment(&segment));
    }
    if (c.width != 64) rig.caps(video_caps("RGB", c.width, 48));
    rig.play(20, c.from);
    rig.end();
    const auto out = rig.take();
    EXPECT_EQ(out.size(), 40u) << c.what;
    EXPECT_EQ(annotated(out), 0) << c.what;
    EXPECT_EQ(rig.count("resets"), 1u) << c.what;
  }
}

TEST(Tubecam, DiscontIsAGapOnlyWhenTimeJumps) {
  for (const int lost : {1, 10}) {
    Rig rig("tubecam", delayed());
    rig.caps(video_caps("RGB", 64, 48));
    const GstClockTime next = rig.play(20) + lost * kFrame;
    GstBuffer* buffer = picture(video_caps("RGB", 64, 48), next);
    GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    gst_harness_push(rig.harness(), buffer);
    rig.play(20, next + kFrame);
    rig.end();
    EXPECT_EQ(rig.take().size(), 41u);
    EXPECT_EQ(rig.count("resets"), lost == 1 ? 0u : 1u);
    EXPECT_EQ(rig.count("windows"), lost == 1 ? 2u : 0u);
  }
}

TEST(Tubecam, EventsKeepTheirPlaceAmongHeldFrames) {
  Rig rig("tubecam", delayed());
  rig.caps(video_caps("RGB", 64, 48));
  rig.play(20);
  while (GstEvent* event = gst_harness_try_pull_event(rig.harness())) gst_event_unref(event);
  rig.event(gst_event_new_gap(20 * kFrame, kFrame));
  rig.event(gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty("mark")));
  EXPECT_EQ(gst_harness_events_in_queue(rig.harness()), 0u);
  rig.play(15, 21 * kFrame);
  rig.end();
  std::vector<GstEventType> types;
  while (GstEvent* event = gst_harness_try_pull_event(rig.harness())) {
    types.push_back(GST_EVENT_TYPE(event));
    gst_event_unref(event);
  }
  EXPECT_EQ(types,
            (std::vector<GstEventType>{GST_EVENT_GAP, GST_EVENT_CUSTOM_DOWNSTREAM, GST_EVENT_EOS}));
  EXPECT_EQ(annotated(rig.take()), 35);
}

TEST(Tubecam, ALongGapReleasesWhatWaits) {
  Rig rig("tubecam", delayed());
  rig.caps(video_caps("RGB", 64, 48));
  rig.play(20);
  rig.event(gst_event_new_gap(20 * kFrame, 3 * GST_SECOND));
  EXPECT_EQ(rig.take().size(), 20u);
}

TEST(Tubecam, ADrainQueryReleasesWhatWaits) {
  Rig rig("tubecam", delayed());
  rig.caps(video_caps("RGB", 64, 48));
  rig.play(20);
  GstQuery* drain = gst_query_new_drain();
  gst_pad_peer_query(rig.harness()->srcpad, drain);
  gst_query_unref(drain);
  EXPECT_EQ(rig.take().size(), 20u);
}

TEST(Tubecam, FramesWithoutTimesCountByTheFrameRate) {
  for (const char* fps : {"30/1", "0/1"}) {
    Rig rig("tubecam", delayed());
    rig.caps(video_caps("RGB", 64, 48, fps));
    for (int i = 0; i < 40; ++i) rig.push(GST_CLOCK_TIME_NONE, i);
    rig.end();
    const auto out = rig.take();
    EXPECT_EQ(out.size(), 40u);
    const bool known = std::string(fps) == "30/1";
    EXPECT_EQ(annotated(out), known ? 40 : 0);
    const auto warnings = rig.messages(GST_MESSAGE_WARNING);
    ASSERT_EQ(warnings.size(), known ? 1u : 3u);  // besides: untimed, and no window
    EXPECT_NE(warnings[known ? 0 : 1].find("40 missing"), std::string::npos) << warnings[0];
  }
}

TEST(Tubecam, SharedBuffersAreNotWrittenTo) {
  Rig rig("tubecam", delayed());
  const std::string caps = video_caps("RGB", 64, 48);
  rig.caps(caps);
  std::vector<BufferPtr> mine;
  for (int i = 0; i < kWindow; ++i) {
    mine.emplace_back(picture(caps, i * kFrame, i));
    gst_harness_push(rig.harness(), gst_buffer_ref(mine.back().get()));
  }
  rig.end();
  EXPECT_EQ(annotated(rig.take()), kWindow);
  EXPECT_EQ(annotated(mine), 0);
}

TEST(Tubecam, ASmallPoolDoesNotStarve) {
  Rig rig("tubecam", delayed());
  const std::string text = video_caps("RGB", 64, 48);
  rig.caps(text);
  GstBufferPool* pool = gst_buffer_pool_new();
  GstCaps* caps = gst_caps_from_string(text.c_str());
  GstStructure* config = gst_buffer_pool_get_config(pool);
  gst_buffer_pool_config_set_params(config, caps, 64 * 48 * 3, 2, 2);
  ASSERT_TRUE(gst_buffer_pool_set_config(pool, config));
  gst_caps_unref(caps);
  gst_buffer_pool_set_active(pool, TRUE);
  GstBufferPoolAcquireParams impatient = {};
  impatient.flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT;
  for (int i = 0; i < kWindow; ++i) {
    GstBuffer* buffer = nullptr;
    ASSERT_EQ(gst_buffer_pool_acquire_buffer(pool, &buffer, &impatient), GST_FLOW_OK) << i;
    GST_BUFFER_PTS(buffer) = i * kFrame;
    gst_harness_push(rig.harness(), buffer);
  }
  rig.end();
  EXPECT_EQ(annotated(rig.take()), kWindow);
  gst_buffer_pool_set_active(pool, FALSE);
  gst_object_unref(pool);
}

TEST(Tubecam, AllocationIsAnsweredDownstream) {
  Rig rig("tubecam");
  gst_harness_add_propose_allocation_meta(rig.harness(), GST_VIDEO_META_API_TYPE, nullptr);
  rig.caps(video_caps("RGB", 64, 48));
  GstCaps* caps = gst_caps_from_string(video_caps("RGB", 64, 48).c_str());
  GstQuery* query = gst_query_new_allocation(caps, TRUE);
  ASSERT_TRUE(gst_pad_peer_query(rig.harness()->srcpad, query));
  EXPECT_TRUE(gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr));
  gst_query_unref(query);
  gst_caps_unref(caps);
}

}  // namespace
}  // namespace tubecam::testing
