// What `tubecam` answers to LATENCY queries, and how it treats live sources.
#include "support/gst_fixture.h"

namespace tubecam::testing {
namespace {

GstClockTime own_latency(Rig& rig) {
  gst_harness_set_upstream_latency(rig.harness(), 30 * GST_MSECOND);
  return gst_harness_query_latency(rig.harness()) - 30 * GST_MSECOND;
}

TEST(Latency, LatestAddsOnlyCompute) {
  Rig rig("tubecam");
  rig.caps(video_caps("I420", 320, 240));
  rig.play(40);
  EXPECT_LT(own_latency(rig), 500 * GST_MSECOND);
  rig.end();
}

TEST(Latency, DelayedAddsAWindow) {
  Rig rig("tubecam", {{"align", "delayed"}});
  EXPECT_GE(own_latency(rig),
            GST_SECOND);  // before the first frame: 15 sampled frames of 1/15 s, and inference
  rig.caps(video_caps("I420", 320, 240));
  rig.play(40);
  EXPECT_GE(own_latency(rig), GST_SECOND + kFrame);
  EXPECT_LT(own_latency(rig), 4 * GST_SECOND);
  rig.end();
}

TEST(Latency, AnUnboundedMaximumStaysUnbounded) {
  Rig rig("tubecam", {{"align", "delayed"}});
  gst_harness_set_live(rig.harness(), TRUE);
  GstQuery* query = gst_query_new_latency();
  ASSERT_TRUE(gst_pad_peer_query(rig.harness()->sinkpad, query));
  gboolean live;
  GstClockTime min, max;
  gst_query_parse_latency(query, &live, &min, &max);
  gst_query_unref(query);
  EXPECT_TRUE(live);
  EXPECT_GE(min, GST_SECOND);
  EXPECT_EQ(max, GST_CLOCK_TIME_NONE);
}

TEST(Latency, GrowthIsTold) {
  Rig rig("tubecam", {{"align", "delayed"}});
  gst_harness_set_live(rig.harness(), TRUE);
  rig.caps(video_caps("RGB", 64, 48));
  const GstClockTime now = rig.play(33);
  rig.messages(GST_MESSAGE_LATENCY);
  const GstClockTime before = own_latency(rig);
  rig.set("hop", "16");  // the longest hold grows from 15 sampled frames to 23.5
  rig.play(2, now);
  EXPECT_EQ(rig.messages(GST_MESSAGE_LATENCY).size(), 1u);
  EXPECT_GT(own_latency(rig), before + 300 * GST_MSECOND);
}

TEST(Latency, LiveSourcesDropWindowsAndNeverFrames) {
  Rig rig("tubecam", {{"hop", "1"}});
  gst_harness_set_live(rig.harness(), TRUE);
  rig.caps(video_caps("RGB", 64, 48));
  rig.play(300);  // far faster than inference
  rig.end();
  EXPECT_EQ(rig.take().size(), 300u);
  const guint64 windows = rig.count("windows"), dropped = rig.count("dropped-windows");
  EXPECT_EQ(windows, 135u);  // (300 + 1)/2 sampled frames
  EXPECT_GT(dropped, 0u);
  EXPECT_EQ(rig.messages(GST_MESSAGE_ELEMENT).size(), windows - dropped);
}

// Of the pushes of a stream at its own pace since the first frame came out, the share for which one
// frame came out.
double one_by_one(bool live) {
  Rig rig("tubecam", {{"align", "delayed"}, {"hop", "8"}});
  gst_harness_set_live(rig.harness(), live);
  rig.caps(video_caps("RGB", 64, 48));
  int pushes = 0, ones = 0;
  for (int i = 0; i < 100; ++i) {
    rig.push(i * kFrame, i);
    const size_t came = rig.take().size();
    if (pushes > 0 || came > 0) ++pushes;
    ones += came == 1;
    g_usleep(kFrame / GST_USECOND);
  }
  EXPECT_GT(pushes, 30);
  return double(ones) / pushes;
}

TEST(Latency, ALiveSourcesFramesGoAtItsPace) {
  EXPECT_GT(one_by_one(true), 0.6);
  EXPECT_LT(one_by_one(false), 0.3);  // a hop of 8 sampled frames is 16 frames
}

}  // namespace
}  // namespace tubecam::testing
