#include "plugin/messages/stream_report.h"

#include <sstream>

namespace tubecam {

GstStructure* stats_of(const StreamCounts& counts) {
  const auto u64 = [](uint64_t value) { return static_cast<guint64>(value); };
  return gst_structure_new(
      "tubecam-stats", "windows", G_TYPE_UINT64, u64(counts.windows), "dropped-windows",
      G_TYPE_UINT64, u64(counts.dropped), "sparse-windows", G_TYPE_UINT64, u64(counts.sparse),
      "resets", G_TYPE_UINT64, u64(counts.resets), "missing-timestamps", G_TYPE_UINT64,
      u64(counts.stamps.missing), "repeated-timestamps", G_TYPE_UINT64, u64(counts.stamps.repeated),
      "late-timestamps", G_TYPE_UINT64, u64(counts.stamps.late), "timestamp-jumps", G_TYPE_UINT64,
      u64(counts.stamps.jumps), "backwards-frames", G_TYPE_UINT64, u64(counts.backwards),
      "early-frames", G_TYPE_UINT64, u64(counts.early), nullptr);
}

template <typename Text>
void StreamReport::update(Concern* concern, uint64_t count, const StreamCounts& counts, bool end,
                          Text text) {
  if (count == concern->reported) return;
  const gint64 now = g_get_monotonic_time();
  if (concern->due == 0) concern->due = now + G_USEC_PER_SEC;
  if (now < concern->due && !end) return;
  concern->reported = count;
  concern->due = now + 5 * G_USEC_PER_SEC;
  std::ostringstream words;
  text(words);
  post_warning(element_, words.str(), stats_of(counts));
}

void StreamReport::update(const StreamCounts& counts, const std::string& early, bool end) {
  update(&stamps_, counts.stamps.total(), counts, end,
         [&](std::ostream& out) { out << describe(counts.stamps); });
  update(&sparse_, counts.sparse, counts, end, [&](std::ostream& out) {
    out << "The source has fewer frames than the " << spec_.sample_fps
        << " a second that the model samples: slices repeat frames in " << counts.sparse << " of "
        << counts.windows << " windows";
  });
  update(&backwards_, counts.backwards, counts, end, [&](std::ostream& out) {
    out << "Playback runs backwards, which is not explained: so far " << counts.backwards
        << " frames passed without an explanation";
  });
  update(&early_, counts.early, counts, end, [&](std::ostream& out) {
    out << counts.early << " frames went before their own window was explained: " << early;
  });
}

}  // namespace tubecam
