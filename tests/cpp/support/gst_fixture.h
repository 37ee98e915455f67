// What the element tests share: an element between two pads, pictures to push, and what comes out.
#pragma once

#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace tubecam::testing {

struct BufferDeleter {
  void operator()(GstBuffer* buffer) const { gst_buffer_unref(buffer); }
};
using BufferPtr = std::unique_ptr<GstBuffer, BufferDeleter>;

constexpr GstClockTime kFrame = GST_SECOND / 30;

inline std::string video_caps(const std::string& format, int width, int height,
                              const std::string& fps = "30/1") {
  return "video/x-raw,format=" + format + ",width=" + std::to_string(width) +
         ",height=" + std::to_string(height) + ",framerate=" + fps;
}

// A picture whose bytes depend on the seed.
inline GstBuffer* picture(const std::string& caps_text, GstClockTime pts, unsigned seed = 0) {
  GstCaps* caps = gst_caps_from_string(caps_text.c_str());
  GstVideoInfo info;
  EXPECT_TRUE(gst_video_info_from_caps(&info, caps));
  gst_caps_unref(caps);
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info), nullptr);
  GstMapInfo map;
  EXPECT_TRUE(gst_buffer_map(buffer, &map, GST_MAP_WRITE));
  uint32_t state = seed * 2654435761u + 12345u;
  for (gsize i = 0; i < map.size; ++i) {
    state = state * 1664525u + 1013904223u;
    map.data[i] = static_cast<guint8>(state >> 24);
  }
  gst_buffer_unmap(buffer, &map);
  GST_BUFFER_PTS(buffer) = pts;
  GST_BUFFER_DURATION(buffer) = kFrame;
  return buffer;
}

inline std::vector<uint8_t> bytes_of(GstBuffer* buffer) {
  std::vector<uint8_t> bytes(gst_buffer_get_size(buffer));
  gst_buffer_extract(buffer, 0, bytes.data(), bytes.size());
  return bytes;
}

inline const GstStructure* annotation_of(GstBuffer* buffer) {
  GstCustomMeta* meta = gst_buffer_get_custom_meta(buffer, "tubecam");
  return meta ? gst_custom_meta_get_structure(meta) : nullptr;
}

inline guint64 field_u64(const GstStructure* fields, const char* name) {
  guint64 value = 0;
  EXPECT_TRUE(gst_structure_get_uint64(fields, name, &value)) << name;
  return value;
}

// One element with the test bundle, playing. Not live unless a test says so.
class Rig {
 public:
  using Properties = std::map<std::string, std::string>;

  explicit Rig(const std::string& name, const Properties& properties = {}) {
    element_ = gst_element_factory_make(name.c_str(), nullptr);
    if (!element_) throw std::runtime_error("no element " + name + ": is GST_PLUGIN_PATH set?");
    if (name == "tubecam") g_object_set(element_, "bundle", TUBECAM_TEST_BUNDLE, nullptr);
    for (const auto& [key, value] : properties) set(key, value);
    bus_ = gst_bus_new();
    gst_element_set_bus(element_, bus_);
    harness_ = gst_harness_new_with_element(element_, "sink", "src");
    gst_harness_set_live(harness_, FALSE);
    gst_harness_play(harness_);
  }
  ~Rig() {
    gst_harness_teardown(harness_);
    gst_bus_set_flushing(bus_, TRUE);
    gst_object_unref(bus_);
    gst_object_unref(element_);
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  GstHarness* harness() { return harness_; }
  GstElement* element() { return element_; }

  void set(const std::string& key, const std::string& value) {
    gst_util_set_object_arg(G_OBJECT(element_), key.c_str(), value.c_str());
  }
  guint64 count(const char* property) {
    guint64 value = 0;
    g_object_get(element_, property, &value, nullptr);
    return value;
  }
  void caps(const std::string& text) {
    caps_ = text;
    gst_harness_set_src_caps_str(harness_, text.c_str());
  }
  GstFlowReturn push(GstClockTime pts, unsigned seed = 0) {
    return gst_harness_push(harness_, picture(caps_, pts, seed));
  }
  // `count` frames at 30 a second; the time after the last one.
  GstClockTime play(int count, GstClockTime from = 0) {
    for (int i = 0; i < count; ++i) EXPECT_EQ(push(from + i * kFrame, i), GST_FLOW_OK);
    return from + count * kFrame;
  }
  void event(GstEvent* event) { EXPECT_TRUE(gst_harness_push_event(harness_, event)); }
  void end() { event(gst_event_new_eos()); }

  std::vector<BufferPtr> take() {
    std::vector<BufferPtr> out;
    while (GstBuffer* buffer = gst_harness_try_pull(harness_)) out.emplace_back(buffer);
    return out;
  }
  // What the element said, of one type.
  std::vector<std::string> messages(GstMessageType type) {
    std::vector<std::string> texts;
    while (GstMessage* message = gst_bus_pop_filtered(bus_, type)) {
      texts.push_back(text_of(message));
      gst_message_unref(message);
    }
    return texts;
  }

 private:
  static std::string text_of(GstMessage* message) {
    GError* error = nullptr;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
      gst_message_parse_error(message, &error, nullptr);
    } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING) {
      gst_message_parse_warning(message, &error, nullptr);
    } else {
      const GstStructure* fields = gst_message_get_structure(message);
      return fields ? gst_structure_get_name(fields) : "";
    }
    const std::string text = error->message;
    g_error_free(error);
    return text;
  }

  GstElement* element_ = nullptr;
  GstHarness* harness_ = nullptr;
  GstBus* bus_ = nullptr;
  std::string caps_;
};

// `tubecam` with the trained bundle.
constexpr int kWindow = 31;  // frames at 30 a second that fill 16 sampled frames at 15

inline Rig::Properties delayed() { return {{"align", "delayed"}}; }

inline int annotated(const std::vector<BufferPtr>& frames) {
  int count = 0;
  for (const BufferPtr& frame : frames) count += annotation_of(frame.get()) != nullptr;
  return count;
}

}  // namespace tubecam::testing
