// Settings of `tubecam`: what may change while it plays, what is refused, and using it again.
#include <string>

#include "support/gst_fixture.h"

namespace tubecam::testing {
namespace {

TEST(Settings, PropertiesChangeWhilePlaying) {
  Rig rig("tubecam", {{"late-windows", "wait"}});
  rig.caps(video_caps("RGB", 64, 48));
  GstClockTime now = rig.play(60);
  rig.set("target", "2");
  rig.set("method", "hirescam");
  rig.set("hop", "2");
  rig.set("threshold", "0.8");
  const guint64 before = rig.count("windows");
  now = rig.play(60, now);
  EXPECT_GE(rig.count("windows") - before, 13u);
  rig.end();
  const auto out = rig.take();
  const GstStructure* fields = annotation_of(out.back().get());
  int target = 0;
  gst_structure_get_int(fields, "target-index", &target);
  EXPECT_EQ(target, 2);
  EXPECT_STREQ(gst_structure_get_string(fields, "method"), "hirescam");
}

TEST(Settings, AWrongValueWhilePlayingIsRefusedAndSaid) {
  Rig rig("tubecam");
  rig.set("target", "1000");
  gint target = 0;
  g_object_get(rig.element(), "target", &target, nullptr);
  EXPECT_EQ(target, -1);
  const auto warnings = rig.messages(GST_MESSAGE_WARNING);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("1000"), std::string::npos);
}

TEST(Settings, TheCpuTakesOverWhereThatIsAllowed) {
  Rig rig("tubecam", {{"late-windows", "wait"}, {"device", "cuda:999"}, {"fallback", "cpu"}});
  rig.caps(video_caps("RGB", 64, 48));
  rig.play(60);
  rig.end();
  const auto out = rig.take();
  const char* lost = gst_structure_get_string(annotation_of(out.back().get()), "fell-back-from");
  ASSERT_NE(lost, nullptr);
  EXPECT_EQ(std::string(lost).find("cuda:999: "), 0u) << lost;
  const auto warnings = rig.messages(GST_MESSAGE_WARNING);
  ASSERT_EQ(warnings.size(), 1u);  // once, not each window
  EXPECT_NE(warnings[0].find("cuda:999"), std::string::npos) << warnings[0];
}

TEST(Settings, CanBeUsedAgain) {
  Rig rig("tubecam", delayed());
  for (int round = 0; round < 2; ++round) {
    rig.caps(video_caps("RGB", 64, 48));
    rig.play(kWindow);
    rig.end();
    EXPECT_EQ(annotated(rig.take()), kWindow) << round;
    ASSERT_EQ(gst_element_set_state(rig.element(), GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
    EXPECT_EQ(rig.count("windows"), 1u);  // still to be read
    ASSERT_EQ(gst_element_set_state(rig.element(), GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    rig.event(gst_event_new_stream_start("again"));
    rig.caps("video/x-raw,format=RGB,width=8,height=8,framerate=30/1");
    rig.event(gst_event_new_segment(&segment));
  }
}

TEST(Settings, StopsWhileFramesWait) {
  Rig rig("tubecam", delayed());
  rig.caps(video_caps("RGB", 64, 48));
  rig.play(kWindow + 4);
  EXPECT_EQ(gst_element_set_state(rig.element(), GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
}

struct Bad {
  const char *property, *value;
  GQuark (*domain)(void);
  int code;
};

TEST(Settings, BadSettingsAreErrorsForPeople) {
  const Bad bad[] = {
      {"bundle", "/nowhere/at/all", gst_resource_error_quark, GST_RESOURCE_ERROR_NOT_FOUND},
      {"bundle", "/tmp", gst_resource_error_quark, GST_RESOURCE_ERROR_READ},
      {"target", "1000", gst_resource_error_quark, GST_RESOURCE_ERROR_SETTINGS},
      {"hop", "200", gst_resource_error_quark, GST_RESOURCE_ERROR_SETTINGS},
      {"device", "toaster", gst_resource_error_quark, GST_RESOURCE_ERROR_SETTINGS},
      {"engine", "tensorrt", gst_library_error_quark, GST_LIBRARY_ERROR_INIT},
  };
  for (const Bad& b : bad) {
    GstElement* element = gst_element_factory_make("tubecam", nullptr);
    gst_object_ref_sink(element);
    GstBus* bus = gst_bus_new();
    gst_element_set_bus(element, bus);
    g_object_set(element, "bundle", TUBECAM_TEST_BUNDLE, nullptr);
    gst_util_set_object_arg(G_OBJECT(element), b.property, b.value);
    EXPECT_EQ(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    ASSERT_NE(message, nullptr) << b.property;
    GError* error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    EXPECT_TRUE(g_error_matches(error, b.domain(), b.code)) << b.value << ": " << error->message;
    EXPECT_GT(strlen(error->message), 20u);
    g_error_free(error);
    gst_message_unref(message);
    gst_element_set_state(element, GST_STATE_NULL);
    gst_element_set_bus(element, nullptr);
    gst_object_unref(bus);
    gst_object_unref(element);
  }
}

}  // namespace
}  // namespace tubecam::testing
