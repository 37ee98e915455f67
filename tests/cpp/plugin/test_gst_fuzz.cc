// Random buffers, times and events, seeded: nothing crashes or hangs, and frames are lost to
// flushes only.
#include <random>

#include "support/gst_fixture.h"

namespace tubecam::testing {
namespace {

class Fuzz {
 public:
  Fuzz(Rig* rig, unsigned seed) : rig_(*rig), random_(seed) { new_caps(); }

  void step() {
    switch (below(12)) {
      case 0:
        return new_caps();
      case 1:
        return new_segment();
      case 2:
        return flush();
      case 3:
        return rig_.event(gst_event_new_gap(pts_, below(3000) * GST_MSECOND));
      case 4:
        return new_property();
      case 5:
        pts_ = below(5) * GST_SECOND;
        return push();
      case 6:
        pts_ += below(4000) * GST_MSECOND;
        return push();
      default:
        return burst();
    }
  }
  guint64 received() const { return gst_harness_buffers_received(rig_.harness()); }
  guint64 expected() const { return pushed_ - lost_; }

 private:
  unsigned below(unsigned n) { return std::uniform_int_distribution<unsigned>(0, n - 1)(random_); }

  void new_caps() {
    static const char* formats[] = {"NV12", "I420", "RGB", "BGR", "RGBx", "BGRx", "RGBA", "BGRA"};
    static const char* rates[] = {"30/1", "0/1", "25/2", "240/1"};
    caps_ = video_caps(formats[below(8)], 1 + below(70), 1 + below(50), rates[below(4)]);
    rig_.caps(caps_);
  }
  void new_segment() {
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    segment.base = below(3) * GST_SECOND;
    segment.start = below(2) * GST_SECOND;
    segment.rate = below(4) == 0 ? -1 : 1;
    segment.stop = 100 * GST_SECOND;
    rig_.event(gst_event_new_segment(&segment));
  }
  void flush() {
    rig_.event(gst_event_new_flush_start());
    rig_.event(gst_event_new_flush_stop(TRUE));
    lost_ = pushed_ - received();  // what had not come out never will
    rig_.take();
    new_segment();
  }
  void new_property() {
    static const std::pair<const char*, const char*> values[] = {
        {"target", "3"},    {"target", "-1"},  {"target", "99"},       {"hop", "1"},
        {"hop", "16"},      {"hop", "200"},    {"method", "layercam"}, {"method", "auto"},
        {"threshold", "0"}, {"threshold", "1"}};
    const auto [name, value] = values[below(10)];
    if (g_object_class_find_property(G_OBJECT_GET_CLASS(rig_.element()), name)) {
      rig_.set(name, value);
    }
  }
  void push() {
    GstBuffer* buffer = picture(caps_, below(20) == 0 ? GST_CLOCK_TIME_NONE : pts_, below(9));
    if (below(10) == 0) GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    if (below(30) == 0) gst_buffer_resize(buffer, 0, gst_buffer_get_size(buffer) / 2);
    ++pushed_;
    EXPECT_EQ(gst_harness_push(rig_.harness(), buffer), GST_FLOW_OK);
  }
  void burst() {
    for (unsigned i = below(25); i > 0; --i) {
      push();
      pts_ += below(2) ? kFrame : below(80) * GST_MSECOND;
    }
  }

  Rig& rig_;
  std::mt19937 random_;
  std::string caps_;
  GstClockTime pts_ = 0;
  guint64 pushed_ = 0, lost_ = 0;
};

class FuzzTest : public ::testing::TestWithParam<unsigned> {};

TEST_P(FuzzTest, NothingBreaksAndNothingIsLost) {
  const unsigned seed = GetParam();
  Rig rig("tubecam", {{"align", seed % 2 ? "delayed" : "latest"},
                      {"late-windows", seed % 3 ? "wait" : "drop"}});
  Fuzz fuzz(&rig, seed);
  for (int i = 0; i < 60; ++i) fuzz.step();
  rig.end();
  EXPECT_EQ(fuzz.received(), fuzz.expected());
}

INSTANTIATE_TEST_SUITE_P(Seeds, FuzzTest, ::testing::Range(1u, 13u));

}  // namespace
}  // namespace tubecam::testing
