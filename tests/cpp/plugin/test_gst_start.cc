// What happens to `tubecam` while it starts.
#include "support/gst_fixture.h"

namespace tubecam::testing {
namespace {

// Sets properties in the middle of start(): when the element says that it compiles.
struct Meanwhile {
  std::vector<std::pair<std::string, std::string>> changes;
  std::vector<std::string> warnings;
};

GstBusSyncReply interfere(GstBus*, GstMessage* message, gpointer data) {
  auto* meanwhile = static_cast<Meanwhile*>(data);
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_PROGRESS) {
    GstProgressType type;
    gst_message_parse_progress(message, &type, nullptr, nullptr);
    for (const auto& [name, value] : meanwhile->changes) {
      if (type != GST_PROGRESS_TYPE_START) break;
      gst_util_set_object_arg(G_OBJECT(GST_MESSAGE_SRC(message)), name.c_str(), value.c_str());
    }
  } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING) {
    GError* error = nullptr;
    gst_message_parse_warning(message, &error, nullptr);
    meanwhile->warnings.emplace_back(error->message);
    g_error_free(error);
  }
  gst_message_unref(message);
  return GST_BUS_DROP;
}

// The annotation of a frame in the second window, after a start that `meanwhile` interferes with.
class Started {
 public:
  explicit Started(Meanwhile* meanwhile) {
    element_ = gst_element_factory_make("tubecam", nullptr);
    g_object_set(element_, "bundle", TUBECAM_TEST_BUNDLE, nullptr);
    gst_util_set_object_arg(G_OBJECT(element_), "align", "delayed");
    bus_ = gst_bus_new();
    gst_bus_set_sync_handler(bus_, interfere, meanwhile, nullptr);
    gst_element_set_bus(element_, bus_);
    harness_ = gst_harness_new_with_element(element_, "sink", "src");
    gst_harness_set_live(harness_, FALSE);
    gst_harness_play(harness_);
    const std::string caps = video_caps("RGB", 64, 48);
    gst_harness_set_src_caps_str(harness_, caps.c_str());
    for (int i = 0; i < kWindow; ++i) gst_harness_push(harness_, picture(caps, i * kFrame, i));
    gst_harness_push_event(harness_, gst_event_new_eos());
    frame_.reset(gst_harness_try_pull(harness_));
  }
  ~Started() {
    gst_harness_teardown(harness_);
    gst_bus_set_sync_handler(bus_, nullptr, nullptr, nullptr);
    gst_object_unref(bus_);
    gst_object_unref(element_);
  }

  std::string field(const char* name) const {
    const GstStructure* fields = frame_ ? annotation_of(frame_.get()) : nullptr;
    const char* text = fields ? gst_structure_get_string(fields, name) : nullptr;
    return text ? text : "";
  }
  std::string property(const char* name) const {
    GValue value = G_VALUE_INIT;
    g_object_get_property(G_OBJECT(element_), name, &value);
    gchar* text = gst_value_serialize(&value);
    const std::string result = text;
    g_free(text);
    g_value_unset(&value);
    return result;
  }

 private:
  GstElement* element_;
  GstBus* bus_;
  GstHarness* harness_;
  BufferPtr frame_;
};

TEST(Start, WhatIsSetMeanwhileReachesTheModel) {
  Meanwhile meanwhile{{{"method", "hirescam"}, {"target", "1"}}, {}};
  const Started started(&meanwhile);
  EXPECT_EQ(started.field("method"), "hirescam");
  EXPECT_EQ(started.property("target"), "1");
  EXPECT_TRUE(meanwhile.warnings.empty());
}

TEST(Start, WhatTheBundleRefusesOfItIsToldAndTakenBack) {
  Meanwhile meanwhile{{{"method", "deeplift"}, {"target", "1"}, {"hop", "200"}}, {}};
  const Started started(&meanwhile);
  EXPECT_EQ(meanwhile.warnings.size(), 2u);
  EXPECT_EQ(started.property("method"), "auto");
  EXPECT_EQ(started.property("hop"), "4");
  EXPECT_EQ(started.property("target"), "1");
  EXPECT_NE(started.field("method"), "deeplift");
}

}  // namespace
}  // namespace tubecam::testing
