#include "overlay/overlay_cpu.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "overlay/overlay_math.h"

namespace tubecam {
namespace {

constexpr int kMaxLog2Rows = 3;

// ---- Tables: heat → keep, add ----

using Color = std::array<float, 3>;

// The table's colour at heat·255, linear between entries.
Color color_at(const std::array<std::array<uint8_t, 3>, 256>& table, float heat) {
  const float position = heat * 255;
  const int low = std::min(static_cast<int>(position), 254);
  const float t = position - low;
  Color color;
  for (int c = 0; c < 3; ++c) color[c] = table[low][c] + t * (table[low + 1][c] - table[low][c]);
  return color;
}

void set_entry(uint16_t* entry, float opacity, const float* levels, int channels) {
  const int share = std::min(static_cast<int>(std::lround(opacity * kKeepAll)), kKeepAll - 1);
  entry[0] = static_cast<uint16_t>(kKeepAll - share);
  for (int c = 0; c < channels; ++c) {
    const float add = levels[c] * static_cast<float>(share) * (128.0f / kKeepAll);
    entry[1 + c] = static_cast<uint16_t>(kAddNothing + std::lround(add));
  }
}

// How far, in levels, the middle of a line over `step` entries lies from the table at worst.
float line_error(const HeatTable& table, int step) {
  const int channels = std::min(table.channels, 3);
  float worst = 0;
  for (int i = 0; i + step < HeatTable::kEntries; ++i) {
    const uint16_t *a = table.at(i), *m = table.at(i + step / 2), *b = table.at(i + step);
    const float keep = (0.5f * (a[0] + b[0]) - m[0]) * (255.0f / kKeepAll);
    for (int c = 1; c <= channels; ++c) {
      const float add = (0.5f * (a[c] + b[c]) - m[c]) / 128.0f;
      worst = std::max({worst, std::abs(add), std::abs(add + keep)});
    }
  }
  return worst;
}

float straight_heat(const HeatTable& table) {
  for (int step = 512; step > 1; step /= 2)
    if (line_error(table, step) <= 0.5f) return static_cast<float>(step) / HeatTable::kEntries;
  return 0;
}

// levels(heat) → the colour's channels in the plane's order.
template <typename Levels>
void build_table(HeatTable& table, int channels, const HeatStyle& style, const Levels& levels) {
  table.channels = channels;
  table.entries.assign((HeatTable::kEntries + 2) * table.width(), kAddNothing);
  for (int i = -1; i <= HeatTable::kEntries; ++i) {
    const float heat = std::clamp(static_cast<float>(i) / (HeatTable::kEntries - 1), 0.0f, 1.0f);
    const Color color = levels(heat);
    set_entry(table.entries.data() + (i + 1) * table.width(),
              heat_opacity(heat, style.alpha, style.threshold), color.data(),
              std::min(channels, 3));
  }
  table.straight = straight_heat(table);
}

// ---- Geometry: samples → runs of cells ----

// size: samples; pitch: frame pixels a sample. Empty where `source` misses the frame.
std::vector<CellRun>& find_runs(std::vector<CellRun>& runs, int size, int pitch, double source,
                                double source_size, int clip_size, double stride, double offset,
                                int cells) {
  runs.clear();
  const double scale = clip_size / source_size;
  const auto at = [&](int i) { return cell_at((i + 0.5) * pitch, source, scale, stride, offset); };
  const auto clamped = [&](double i) { return static_cast<int>(std::clamp<double>(i, 0, size)); };
  const double step = pitch * scale / stride;
  int i = clamped(std::ceil(source / pitch - 0.5));
  const int end = clamped(std::floor((source + source_size) / pitch - 0.5) + 1);
  while (i < end) {
    const double place = at(i);
    const bool before = place < 0, after = place >= cells - 1;
    const int cell = before ? 0 : after ? cells - 1 : static_cast<int>(place);
    const double border = before ? 0 : cell + 1;  // where the next run begins
    int next = after && !before ? end : clamped(i + std::ceil((border - place) / step));
    next = std::clamp(next, i + 1, end);
    if (before || after)
      runs.push_back({i, next, cell, cell, 0, 0});
    else
      runs.push_back({i, next, cell, cell + 1, place - cell, step});
    i = next;
  }
  return runs;
}

// `count` values, `from(i)`, refined to (count − 1)·kRefine + 1: `to(i)`.
template <typename From, typename To>
void refine_line(int count, const From& from, const To& to) {
  const auto cell = [&](int i) { return from(std::clamp(i, 0, count - 1)); };
  for (int i = 0; i < count; ++i) {
    const float a = cell(i - 1), b = cell(i), c = cell(i + 1), d = cell(i + 2);
    const int points = i + 1 < count ? kRefine : 1;
    for (int k = 0; k < points; ++k)
      to(i * kRefine + k) = cubic_heat(a, b, c, d, static_cast<float>(k) / kRefine);
  }
}

// ---- One row of keep and add ----

template <int kChannels>
void put(uint16_t* const (&keep)[2], uint16_t* const (&add)[2], int sample, const uint16_t* entry) {
  for (int c = 0; c < kChannels; ++c) {
    const int byte = sample * kChannels + c;
    keep[byte & 1][byte >> 1] = c < 3 ? entry[0] : kKeepAll;
    add[byte & 1][byte >> 1] = c < 3 ? entry[1 + c] : kAddNothing;
  }
}

// Samples begin … end of `out` from heats on a line, 16 fraction bits.
template <int kChannels>
void fill_run(BlendRow& out, const HeatTable& table, int begin, int end, int heat, int step) {
  uint16_t* const keep[2] = {out.keep(0), out.keep(1)};
  uint16_t* const add[2] = {out.add(0), out.add(1)};
  const uint16_t* entries = table.at(0);
  constexpr int kWidth = kChannels == 1 ? 2 : 4;
  int i = begin;
  if (i & 1) {
    put<kChannels>(keep, add, i++, entries + (heat >> 16) * kWidth);
    heat += step;
  }
  for (; i + 1 < end; i += 2, heat += 2 * step) {
    put<kChannels>(keep, add, i, entries + (heat >> 16) * kWidth);
    put<kChannels>(keep, add, i + 1, entries + ((heat + step) >> 16) * kWidth);
  }
  if (i < end) put<kChannels>(keep, add, i, entries + (heat >> 16) * kWidth);
}

}  // namespace

void HeatBlender::prepare_tables(const Frame& frame, const HeatStyle& style) {
  const bool same = !tables_.empty() && style.color_map == style_.color_map &&
                    style.alpha == style_.alpha && style.threshold == style_.threshold &&
                    frame.format == format_ && frame.matrix == matrix_ &&
                    frame.full_range == full_range_;
  if (same) return;
  style_ = style;
  format_ = frame.format;
  matrix_ = frame.matrix;
  full_range_ = frame.full_range;
  tables_.resize(num_planes(format_));
  const auto& colors = color_table(style.color_map);
  const RgbToYuv yuv = rgb_to_yuv(matrix_ == YuvMatrix::kBt709, full_range_);
  for (int i = 0; i < num_planes(format_); ++i) {
    const auto levels = [&](float heat) {
      Color color = color_at(colors, heat);
      if (is_yuv(format_)) {
        convert_rgb(yuv, 1, color[0], color[1], color[2]);
        std::rotate(color.begin(), color.begin() + i, color.end());  // the plane's channel first
      } else if (is_blue_first(format_)) {
        std::swap(color[0], color[2]);
      }
      return color;
    };
    build_table(tables_[i], plane_layout(format_, 1, 1, i).channels, style, levels);
  }
}

void HeatBlender::fill_row(BlendRow& out, const HeatTable& table, const CellRun& rows, int row,
                           int first_run, int last_run) {
  const float* upper = cells_.data() + rows.cell * columns_;
  const float* lower = cells_.data() + rows.next * columns_;
  const float share = static_cast<float>(rows.start + (row - rows.begin) * rows.step);
  constexpr float kFull = HeatTable::kEntries - 1;
  for (int c = 0; c < columns_; ++c)
    cell_row_[c] = kFull * std::clamp(upper[c] + share * (lower[c] - upper[c]), 0.0f, 1.0f);
  const int origin = x_runs_[first_run].begin;
  for (int r = first_run; r <= last_run; ++r) {
    const CellRun& run = x_runs_[r];
    const double left = cell_row_[run.cell], slope = cell_row_[run.next] - left;
    const int heat = static_cast<int>((left + slope * run.start + 0.5) * 65536);
    const int begin = run.begin - origin, end = run.end - origin;
    // A run of one sample may belong to a cell much smaller than it, with a step out of range.
    const int step =
        end - begin > 1 ? static_cast<int>(std::lround(slope * run.step * 65536)) : 0;
    switch (table.channels) {
      case 1: fill_run<1>(out, table, begin, end, heat, step); break;
      case 2: fill_run<2>(out, table, begin, end, heat, step); break;
      case 3: fill_run<3>(out, table, begin, end, heat, step); break;
      default: fill_run<4>(out, table, begin, end, heat, step); break;
    }
  }
}

// Note [Bands]
// Down a column heat is linear between two rows of cells, and so, over little enough heat, are keep and add: only every
// second to eighth row is looked up in the table, sample by sample, and the rows between lie on a line.
void HeatBlender::blend_run(const Canvas& canvas, const CellRun& rows, int first_run,
                            int last_run) {
  float change = 0;  // of heat, from row to row, at most
  for (int c = 0; c < columns_; ++c)
    change = std::max(change, std::abs(cells_[rows.next * columns_ + c] -
                                       cells_[rows.cell * columns_ + c]));
  change *= static_cast<float>(rows.step);
  int log2_rows = kMaxLog2Rows;
  while (log2_rows > 0 && change * (1 << log2_rows) > canvas.table->straight) --log2_rows;

  const int channels = canvas.table->channels;
  const int origin = x_runs_[first_run].begin;
  const int bytes = (x_runs_[last_run].end - origin) * channels;
  current_.resize(bytes);
  next_.resize(bytes);
  fill_row(current_, *canvas.table, rows, rows.begin, first_run, last_run);
  for (int row = rows.begin; row < rows.end; row += 1 << log2_rows) {
    while (row + (1 << log2_rows) > rows.end) --log2_rows;
    fill_row(next_, *canvas.table, rows, row + (1 << log2_rows), first_run, last_run);
    uint8_t* data = canvas.data + static_cast<ptrdiff_t>(row) * canvas.stride + origin * channels;
    blend_rows(data, canvas.stride, log2_rows, bytes, current_, next_);
    std::swap(current_, next_);
  }
}

void HeatBlender::blend_plane(const Canvas& canvas) {
  const auto hot = [&](int y, int x) { return cells_[y * columns_ + x] > style_.threshold; };
  for (const CellRun& rows : y_runs_) {
    int first = -1, last = -1;  // of the runs in which something is drawn
    for (int r = 0; r < static_cast<int>(x_runs_.size()); ++r) {
      const CellRun& run = x_runs_[r];
      if (!hot(rows.cell, run.cell) && !hot(rows.cell, run.next) && !hot(rows.next, run.cell) &&
          !hot(rows.next, run.next))
        continue;
      if (first < 0) first = r;
      last = r;
    }
    if (first >= 0) blend_run(canvas, rows, first, last);
  }
}

void HeatBlender::refine(const HeatPlane& plane) {
  rows_ = (plane.h - 1) * kRefine + 1;
  columns_ = (plane.w - 1) * kRefine + 1;
  coarse_.resize(static_cast<size_t>(plane.h) * columns_);
  cells_.resize(static_cast<size_t>(rows_) * columns_);
  cell_row_.resize(columns_);
  for (int y = 0; y < plane.h; ++y)
    refine_line(
        plane.w, [&](int x) { return cell_heat(plane.values[y * plane.w + x], plane.scale); },
        [&](int x) -> float& { return coarse_[y * columns_ + x]; });
  for (int x = 0; x < columns_; ++x)
    refine_line(
        plane.h, [&](int y) { return coarse_[y * columns_ + x]; },
        [&](int y) -> float& { return cells_[y * columns_ + x]; });
}

void HeatBlender::blend(const Frame& frame, const HeatPlane& plane, const HeatStyle& style) {
  prepare_tables(frame, style);
  refine(plane);
  for (int i = 0; i < num_planes(frame.format); ++i) {
    const PlaneLayout layout = plane_layout(frame.format, frame.width, frame.height, i);
    const int pitch = layout.chroma ? 2 : 1;
    find_runs(y_runs_, layout.height, pitch, plane.source.y, plane.source.height,
              plane.clip_height, plane.stride[0] / kRefine, plane.offset[0], rows_);
    find_runs(x_runs_, layout.width, pitch, plane.source.x, plane.source.width, plane.clip_width,
              plane.stride[1] / kRefine, plane.offset[1], columns_);
    blend_plane({frame.plane[i], frame.stride[i], &tables_[i]});
  }
}

void blend_heat_cpu(const Frame& frame, const HeatPlane& plane, const HeatStyle& style) {
  static thread_local HeatBlender blender;
  blender.blend(frame, plane, style);
}

}  // namespace tubecam
