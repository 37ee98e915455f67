// What the CPU kernel of `blend_heat` keeps between frames: tables by style, scratch by size.
#pragma once

#include <array>
#include <vector>

#include "overlay/blend/blend.h"
#include "overlay/cell_runs.h"
#include "overlay/heat/heat_table.h"
#include "overlay/overlay.h"

namespace tubecam {

// Samples that may be drawn: rows, and runs of columns.
struct HotRegion {
  int begin, end;
  int first_run, last_run;
  int first_cell, last_cell;  // that these runs lie between
};

// Columns of cells; none: last < 0.
struct HotColumns {
  int first, last;
};

// Refined heat and motion along a row of cells; without motion the latter is empty.
struct HeatRow {
  std::vector<float> heat, motion;  // [columns]
};

// Refined heat over the samples of one plane of the frame.
struct HeatCanvas {
  uint8_t* data = nullptr;
  int stride = 0;
  const HeatTable* table = nullptr;
  const MotionTables* motion = nullptr;  // `table` is its first then; nullptr: no motion
  float straight = 0, bend = 0;          // the stricter ones of the tables
  std::vector<CellRun> x_runs, y_runs;
  double x_step = 0;  // cells a sample
};

class HeatBlender {
 public:
  void blend(const Frame& frame, const HeatPlane& plane, const HeatStyle& style);

 private:
  void prepare_tables(const Frame& frame, const HeatStyle& style, bool motion);
  void set_tables(int plane, bool motion);
  void refine(const HeatPlane& plane);
  template <typename Value>
  void refine_cells(const HeatPlane& plane, const Value& value, std::vector<float>& out);
  void find_hot_regions(const HeatCanvas& canvas);
  void blend_regions(const HeatCanvas& canvas);
  void blend_blocks(const HeatCanvas& canvas);
  void blend_block(const HeatCanvas& canvas, const HotRegion& block);
  void prepare_rows(int samples, int channels);
  void blend_region(const HeatCanvas& canvas, const HotRegion& region);
  int choose_spacing(const HeatCanvas& canvas, const HotRegion& region, const HeatRow& heat) const;
  int choose_band(const HeatCanvas& canvas, const HotRegion& region, int row, int log2_rows);
  void heat_at(const HeatCanvas& canvas, const HotRegion& region, int row, HeatRow& out) const;
  void fill_row(BlendRow& out, const HeatCanvas& canvas, const HotRegion& region,
                const HeatRow& heat);
  void look_up(const HeatCanvas& canvas, const HotRegion& region, const HeatRow& heat,
               int log2_spacing, int count);

  HeatStyle style_;
  Frame canvas_;                   // its format, matrix and range: what the tables were made for
  std::vector<HeatTable> tables_;  // [planes]
  std::vector<MotionTables> motion_tables_;  // [planes]

  std::vector<float> cells_;   // [rows_, columns_] refined heat
  std::vector<float> motion_;  // [rows_, columns_] refined motion, or empty
  int rows_ = 0, columns_ = 0;
  int refine_ = kRefine;       // points that stand for a cell; 1: blocks
  std::vector<float> coarse_;  // [h, columns_] scratch of refine()
  HeatCanvas plane_;
  std::vector<HotColumns> hot_;  // [rows_]
  std::vector<HotRegion> regions_;
  HeatRow heat_, middle_heat_, next_heat_;
  std::array<std::vector<uint16_t>, HeatTable::kWidth> nodes_;  // keep, then add by channel
  BlendRow current_, next_;
};

void blend_heat_cpu(const Frame& frame, const HeatPlane& plane, const HeatStyle& style);

}  // namespace tubecam
