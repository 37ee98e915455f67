#include "overlay/overlay_cpu.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/macros.h"
#include "overlay/blend/expand_cpu.h"
#include "overlay/heat/heat_math.h"
#include "overlay/table_lookup_cpu.h"

namespace tubecam {
namespace {

constexpr int kMaxLog2Rows = 4, kMaxLog2Spacing = 3;

// `count` values, `from(i)`, refined to (count − 1)·refine + 1: `to(i)`.
template <typename From, typename To>
void refine_line(int count, int refine, const From& from, const To& to) {
  const auto cell = [&](int i) { return from(std::clamp(i, 0, count - 1)); };
  for (int i = 0; i < count; ++i) {
    const float a = cell(i - 1), b = cell(i), c = cell(i + 1), d = cell(i + 2);
    const int points = i + 1 < count ? refine : 1;
    for (int k = 0; k < points; ++k)
      to(i * refine + k) = cubic_heat(a, b, c, d, static_cast<float>(k) / kRefine);
  }
}

// Flags instead of maxima: compilers do not reorder those of floats into vectors.
TUBECAM_MULTIVERSION bool any_apart(const float* a, const float* b, int count, float limit) {
  int apart = 0;
  for (int i = 0; i < count; ++i) apart |= std::abs(a[i] - b[i]) > limit;
  return apart != 0;
}

// Whether the middle of a line from a to b misses m.
TUBECAM_MULTIVERSION bool any_bent(const float* a, const float* m, const float* b, int count,
                                   float limit) {
  int bent = 0;
  for (int i = 0; i < count; ++i) bent |= std::abs(0.5f * (a[i] + b[i]) - m[i]) > limit;
  return bent != 0;
}

TUBECAM_MULTIVERSION void mix_rows(const float* upper, const float* lower, float share, int count,
                                   float* out) {
  for (int i = 0; i < count; ++i) {
    const float heat = upper[i] + share * (lower[i] - upper[i]);
    out[i] = heat > 0 ? (heat < 1 ? heat : 1.0f) : 0.0f;
  }
}

}  // namespace

void HeatBlender::prepare_tables(const Frame& frame, const HeatStyle& style, bool motion) {
  const bool made = motion ? !motion_tables_.empty() : !tables_.empty();
  const bool same = style.color_map == style_.color_map && style.alpha == style_.alpha &&
                    style.threshold == style_.threshold && same_colours(frame, canvas_);
  if (made && same) return;
  if (!same) tables_.clear(), motion_tables_.clear();
  style_ = style;
  canvas_ = frame;
  for (int i = 0; i < num_planes(frame.format); ++i)
    if (motion)
      motion_tables_.push_back(make_motion_tables(frame, i, style));
    else
      tables_.push_back(make_heat_table(frame, i, style));
}

void HeatBlender::set_tables(int plane, bool motion) {
  plane_.motion = motion ? &motion_tables_[plane] : nullptr;
  plane_.table = motion ? &plane_.motion->still : &tables_[plane];
  const HeatTable& other = motion ? plane_.motion->moving : *plane_.table;
  plane_.straight = std::min(plane_.table->straight, other.straight);
  plane_.bend = std::min(plane_.table->bend, other.bend);
}

template <typename Value>
void HeatBlender::refine_cells(const HeatPlane& plane, const Value& value,
                               std::vector<float>& out) {
  coarse_.resize(static_cast<size_t>(plane.h) * columns_);
  out.resize(static_cast<size_t>(rows_) * columns_);
  for (int y = 0; y < plane.h; ++y)
    refine_line(
        plane.w, refine_, [&](int x) { return value(y * plane.w + x); },
        [&](int x) -> float& { return coarse_[y * columns_ + x]; });
  for (int x = 0; x < columns_; ++x)
    refine_line(
        plane.h, refine_, [&](int y) { return coarse_[y * columns_ + x]; },
        [&](int y) -> float& { return out[y * columns_ + x]; });
}

void HeatBlender::refine(const HeatPlane& plane) {
  refine_ = is_in_blocks(plane) ? 1 : kRefine;
  rows_ = (plane.h - 1) * refine_ + 1;
  columns_ = (plane.w - 1) * refine_ + 1;
  const auto heat = [&](int i) { return cell_heat(plane.values[i], plane.scale); };
  refine_cells(plane, heat, cells_);
  motion_.clear();
  if (plane.motion) {
    refine_cells(
        plane, [&](int i) { return heat(i) * cell_motion(plane.motion[i]); }, motion_);
    std::transform(motion_.begin(), motion_.end(), cells_.begin(), motion_.begin(), motion_share);
  }
  for (HeatRow* row : {&heat_, &middle_heat_, &next_heat_}) {
    row->heat.resize(columns_);
    row->motion.resize(plane.motion ? columns_ : 0);
  }
}

// Heat along one row of samples, at the region's cells; a row beyond the last run continues it.
void HeatBlender::heat_at(const HeatCanvas& canvas, const HotRegion& region, int row,
                          HeatRow& out) const {
  const auto& runs = canvas.y_runs;
  auto run = std::partition_point(runs.begin(), runs.end(),
                                  [row](const CellRun& r) { return r.end <= row; });
  if (run == runs.end()) --run;
  const float share = static_cast<float>(run->start + (row - run->begin) * run->step);
  const auto mix = [&](const std::vector<float>& from, std::vector<float>& to) {
    if (from.empty()) return;
    const float* cells = from.data() + region.first_cell;
    mix_rows(cells + run->cell * columns_, cells + run->next * columns_, share,
             region.last_cell - region.first_cell + 1, to.data() + region.first_cell);
  };
  mix(cells_, out.heat);
  mix(motion_, out.motion);
}

// Keep and add at the region's first `count` nodes, the last of which lies beyond its end.
void HeatBlender::look_up(const HeatCanvas& canvas, const HotRegion& region, const HeatRow& heat,
                          int log2_spacing, int count) {
  constexpr float kFullHeat = (HeatTable::kEntries - 1) * 65536.0f, kFullMotion = 1 << 22;
  uint16_t* const nodes[] = {nodes_[0].data(), nodes_[1].data(), nodes_[2].data(),
                             nodes_[3].data()};
  const int origin = canvas.x_runs[region.first_run].begin, spacing = 1 << log2_spacing;
  const int channels = canvas.table->channels;
  for (int r = region.first_run, j = 0; r <= region.last_run; ++r) {
    const CellRun& run = canvas.x_runs[r];
    const int end = r == region.last_run ? count : (run.end - origin + spacing - 1) >> log2_spacing;
    // A step out of range occurs only where a run is shorter than it.
    const float ahead = static_cast<float>(run.step) * (origin + (j << log2_spacing) - run.begin);
    const float share = std::clamp(static_cast<float>(run.start) + ahead, 0.0f, 1.0f);
    const float part = std::min(static_cast<float>(run.step) * spacing, 1.0f);
    const auto line = [&](const std::vector<float>& row, float full) {
      const float left = full * row[run.cell], rise = full * row[run.next] - left;
      return NodeLine{static_cast<int>(left + rise * share), static_cast<int>(rise * part)};
    };
    NodeLine values = line(heat.heat, kFullHeat), motion{};
    values.value += 1 << 15;  // rounds to the nearest entry
    if (canvas.motion) motion = line(heat.motion, kFullMotion);
    if (channels == 1)
      find_entries<1>(canvas, values, motion, j, end, nodes);
    else if (channels == 2)
      find_entries<2>(canvas, values, motion, j, end, nodes);
    else
      find_entries<3>(canvas, values, motion, j, end, nodes);
    j = std::max(j, end);
  }
}

void HeatBlender::fill_row(BlendRow& out, const HeatCanvas& canvas, const HotRegion& region,
                           const HeatRow& heat) {
  const int channels = canvas.table->channels;
  const int samples = canvas.x_runs[region.last_run].end - canvas.x_runs[region.first_run].begin;
  const int log2_spacing = choose_spacing(canvas, region, heat);
  look_up(canvas, region, heat, log2_spacing, ((samples - 1) >> log2_spacing) + 2);
  const ExpandNodes expand = expand_nodes(channels, log2_spacing);
  for (int c = 0; c < std::min(channels, 3); ++c) {
    expand(nodes_[0].data(), samples, c, out.keep(0), out.keep(1));
    expand(nodes_[1 + c].data(), samples, c, out.add(0), out.add(1));
  }
}

// Note [Bands]
// Keep and add cost a look-up in the table; a line between two of them costs next to nothing. So of
// 16 rows one is looked up, and in it every eighth sample, as long as the heat between lies on a
// line (HeatTable::bend: cells bend it) and the table over this heat does (HeatTable::straight);
// where not, of 8, 4, 2 or each.
int HeatBlender::choose_spacing(const HeatCanvas& canvas, const HotRegion& region,
                                const HeatRow& heat) const {
  const int steps = region.last_cell - region.first_cell;  // between cells
  const auto lines = [&](const std::vector<float>& row, float share, float straight, float bend) {
    const float* cells = row.data() + region.first_cell;
    // Where lines of different slope meet, one over both is off by a quarter of the difference,
    // half by any_bent's measure.
    bend *= 2 / share;
    const bool ends = steps > 0 && std::max(std::abs(cells[1] - cells[0]),
                                            std::abs(cells[steps] - cells[steps - 1])) > 2 * bend;
    return !ends && !any_apart(cells, cells + 1, steps, straight / share) &&
           !any_bent(cells, cells + 1, cells + 2, steps - 1, bend);
  };
  int log2_spacing = kMaxLog2Spacing;
  for (; log2_spacing > 0; --log2_spacing) {
    const float share = static_cast<float>(canvas.x_step * (1 << log2_spacing));  // of a cell
    if (lines(heat.heat, share, canvas.straight, canvas.bend) &&
        (!canvas.motion || lines(heat.motion, share, canvas.motion->straight, canvas.motion->bend)))
      break;
  }
  return log2_spacing;
}

// Leaves the heat of the row after the band in next_heat_.
int HeatBlender::choose_band(const HeatCanvas& canvas, const HotRegion& region, int row,
                             int log2_rows) {
  const int count = region.last_cell - region.first_cell + 1;
  using Values = std::vector<float> HeatRow::*;
  const auto at = [&](const HeatRow& of, Values values) {
    return (of.*values).data() + region.first_cell;
  };
  const auto apart = [&](Values values, float straight) {
    return any_apart(at(heat_, values), at(next_heat_, values), count, straight);
  };
  const auto bent = [&](Values values, float bend) {
    return any_bent(at(heat_, values), at(middle_heat_, values), at(next_heat_, values), count,
                    bend);
  };
  for (;; --log2_rows) {
    const int rows = 1 << log2_rows;
    if (row + rows > region.end) continue;
    heat_at(canvas, region, row + rows, next_heat_);
    if (log2_rows == 0) return 0;
    if (apart(&HeatRow::heat, canvas.straight)) continue;
    if (canvas.motion && apart(&HeatRow::motion, canvas.motion->straight)) continue;
    heat_at(canvas, region, row + rows / 2, middle_heat_);
    if (bent(&HeatRow::heat, canvas.bend)) continue;
    if (!canvas.motion || !bent(&HeatRow::motion, canvas.motion->bend)) return log2_rows;
  }
}

void HeatBlender::prepare_rows(int samples, int channels) {
  // Whole groups of nodes are written.
  const int room = samples + (1 << kMaxLog2Spacing) + 1;
  for (auto& nodes : nodes_) nodes.resize(room);
  for (BlendRow* row : {&current_, &next_}) row->reset(room * channels);
}

void HeatBlender::blend_region(const HeatCanvas& canvas, const HotRegion& region) {
  const int channels = canvas.table->channels;
  const int origin = canvas.x_runs[region.first_run].begin;
  const int samples = canvas.x_runs[region.last_run].end - origin;
  prepare_rows(samples, channels);
  heat_at(canvas, region, region.begin, heat_);
  fill_row(current_, canvas, region, heat_);
  for (int row = region.begin, log2_rows = 0; row < region.end; row += 1 << log2_rows) {
    log2_rows = choose_band(canvas, region, row, std::min(log2_rows + 1, kMaxLog2Rows));
    fill_row(next_, canvas, region, next_heat_);
    uint8_t* data = canvas.data + static_cast<ptrdiff_t>(row) * canvas.stride + origin * channels;
    blend_rows(data, canvas.stride, log2_rows, samples * channels, current_, next_);
    std::swap(current_, next_);
    std::swap(heat_, next_heat_);
  }
}

// Rows of cells in which something is hot, with the columns that are.
void HeatBlender::find_hot_regions(const HeatCanvas& canvas) {
  hot_.assign(rows_, {columns_, -1});
  for (int y = 0; y < rows_; ++y)
    for (int x = 0; x < columns_; ++x)
      if (cells_[static_cast<size_t>(y) * columns_ + x] > style_.threshold)
        hot_[y] = {std::min(hot_[y].first, x), x};
  regions_.clear();
  bool open = false;
  for (const CellRun& run : canvas.y_runs) {
    const int first = std::min(hot_[run.cell].first, hot_[run.next].first);
    const int last = std::max(hot_[run.cell].last, hot_[run.next].last);
    if (last < 0) {
      open = false;
      continue;
    }
    if (!open) regions_.push_back({run.begin, run.end, first, last, 0, 0});
    open = true;
    HotRegion& region = regions_.back();
    region = {region.begin,
              run.end,
              std::min(region.first_run, first),
              std::max(region.last_run, last),
              0,
              0};
  }
  // Columns of cells → runs of samples.
  const auto& runs = canvas.x_runs;
  for (HotRegion& region : regions_) {
    const auto first = std::partition_point(
        runs.begin(), runs.end(), [&](const CellRun& r) { return r.next < region.first_run; });
    const auto last = std::partition_point(
        runs.begin(), runs.end(), [&](const CellRun& r) { return r.cell <= region.last_run; });
    region.first_run = static_cast<int>(first - runs.begin());
    region.last_run = static_cast<int>(last - runs.begin()) - 1;
    if (first == last) continue;
    region.first_cell = first->cell;
    region.last_cell = (last - 1)->next;
  }
}

void HeatBlender::blend_regions(const HeatCanvas& canvas) {
  find_hot_regions(canvas);
  for (const HotRegion& region : regions_)
    if (region.first_run <= region.last_run) blend_region(canvas, region);
}

// All rows of a block are alike.
void HeatBlender::blend_block(const HeatCanvas& canvas, const HotRegion& block) {
  const CellRun& columns = canvas.x_runs[block.first_run];
  const int channels = canvas.table->channels, samples = columns.end - columns.begin;
  prepare_rows(samples, channels);
  heat_at(canvas, block, block.begin, heat_);
  fill_row(current_, canvas, block, heat_);
  for (int row = block.begin, log2_rows; row < block.end; row += 1 << log2_rows) {
    log2_rows = kMaxLog2Rows;
    while (row + (1 << log2_rows) > block.end) --log2_rows;
    uint8_t* data =
        canvas.data + static_cast<ptrdiff_t>(row) * canvas.stride + columns.begin * channels;
    blend_rows(data, canvas.stride, log2_rows, samples * channels, current_, current_);
  }
}

void HeatBlender::blend_blocks(const HeatCanvas& canvas) {
  for (const CellRun& y : canvas.y_runs)
    for (int i = 0; i < static_cast<int>(canvas.x_runs.size()); ++i) {
      const int x = canvas.x_runs[i].cell;
      if (cells_[y.cell * columns_ + x] > style_.threshold)
        blend_block(canvas, {y.begin, y.end, i, i, x, x});
    }
}

void HeatBlender::blend(const Frame& frame, const HeatPlane& plane, const HeatStyle& style) {
  check_in_system_memory(frame, "the CPU's overlay");
  const bool motion = plane.motion != nullptr;
  prepare_tables(frame, style, motion);
  refine(plane);
  for (int i = 0; i < num_planes(frame.format); ++i) {
    const PlaneLayout layout = plane_layout(frame.format, frame.width, frame.height, i);
    const auto find = is_in_blocks(plane) ? find_blocks : find_runs;
    find(sample_axis(frame, plane, layout, 0, refine_), plane_.y_runs);
    find(sample_axis(frame, plane, layout, 1, refine_), plane_.x_runs);
    if (plane_.x_runs.empty() || plane_.y_runs.empty()) continue;
    plane_.data = frame.plane[i];
    plane_.stride = frame.stride[i];
    set_tables(i, motion);
    plane_.x_step = 0;
    for (const CellRun& run : plane_.x_runs) plane_.x_step = std::max(plane_.x_step, run.step);
    is_in_blocks(plane) ? blend_blocks(plane_) : blend_regions(plane_);
  }
}

void blend_heat_cpu(const Frame& frame, const HeatPlane& plane, const HeatStyle& style) {
  static thread_local HeatBlender blender;
  blender.blend(frame, plane, style);
}

}  // namespace tubecam
