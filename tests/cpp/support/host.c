/* A host in C that links GStreamer alone, as somebody else's program does: the plugin comes in by
 * GST_PLUGIN_PATH. test_hosts.py lets it meet what goes wrong.
 *
 *   host SECONDS LAUNCH                                   plays a launch line
 *   host SECONDS LAUNCH FRAMES ELEMENT PROPERTY VALUE     sets a property behind so many frames
 *   host SECONDS LAUNCH MILLISECONDS                      stops while it starts
 *
 * Prints each error and warning on a line of its own, and how many frames left ELEMENT (or "t").
 * Ends with 0 at the end of the stream or when it was stopped, 1 after an error, 2 when the launch
 * line is none, 3 when it is not over in time. */
#include <gst/gst.h>
#include <stdlib.h>

typedef struct {
  GstElement* element;
  const char *property, *value;
  guint64 frames, change_at;
} Change;

static GstPadProbeReturn count_frame(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
  Change* change = data;
  (void)pad;
  (void)info;
  if (++change->frames == change->change_at)
    gst_util_set_object_arg(G_OBJECT(change->element), change->property, change->value);
  return GST_PAD_PROBE_OK;
}

static void print_problem(const char* kind, GError* error) {
  g_print("%s %s %d %s\n", kind, g_quark_to_string(error->domain), error->code, error->message);
  g_error_free(error);
}

static int listen(GstBus* bus, gint64 deadline) {
  for (;;) {
    const gint64 left = deadline - g_get_monotonic_time();
    GstMessage* message = left > 0 ? gst_bus_timed_pop(bus, left * GST_USECOND) : NULL;
    GError* error = NULL;
    int over = -1;
    if (!message) return 3;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS) over = 0;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
      gst_message_parse_error(message, &error, NULL);
      print_problem("error", error);
      over = 1;
    }
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING) {
      gst_message_parse_warning(message, &error, NULL);
      print_problem("warning", error);
    }
    gst_message_unref(message);
    if (over >= 0) return over;
  }
}

static gpointer start(gpointer pipeline) {
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  return NULL;
}

static int stop_while_starting(GstElement* pipeline, int milliseconds) {
  GThread* thread = g_thread_new("start", start, pipeline);
  g_usleep((gulong)milliseconds * 1000);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  g_thread_join(thread);
  return 0;
}

int main(int count, char** words) {
  Change change = {NULL, NULL, NULL, 0, 0};
  GError* error = NULL;
  int result;
  gst_init(NULL, NULL);
  GstElement* pipeline =
      count < 3 ? NULL : gst_parse_launch_full(words[2], NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (!pipeline) {
    g_print("not a launch line: %s\n", error ? error->message : "too few words");
    return 2;
  }
  change.element = gst_bin_get_by_name(GST_BIN(pipeline), count > 6 ? words[4] : "t");
  if (count > 6) {
    change.change_at = (guint64)atoi(words[3]);
    change.property = words[5];
    change.value = words[6];
  }
  GstPad* pad = change.element ? gst_element_get_static_pad(change.element, "src") : NULL;
  if (pad) gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, count_frame, &change, NULL);
  GstBus* bus = gst_element_get_bus(pipeline);
  if (count == 4) {
    result = stop_while_starting(pipeline, atoi(words[3]));
  } else {
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    result = listen(bus, g_get_monotonic_time() + atoi(words[1]) * G_USEC_PER_SEC);
  }
  gst_element_set_state(pipeline, GST_STATE_NULL);
  g_print("frames %" G_GUINT64_FORMAT "\n", change.frames);
  if (pad) gst_object_unref(pad);
  if (change.element) gst_object_unref(change.element);
  gst_object_unref(bus);
  gst_object_unref(pipeline);
  return result;
}
