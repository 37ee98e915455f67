// What the CPU kernel of `blend_heat` keeps between frames: tables by style, scratch by size.
#pragma once

#include <vector>

#include "overlay/blend.h"
#include "overlay/overlay.h"

namespace tubecam {

// A run of samples along one axis between the centres of cells `cell` and `next`: at sample i a share
// start + (i − begin)·step of `next`.
struct CellRun {
  int begin, end;
  int cell, next;
  double start, step;
};

// keep and add by heat for one plane of a format.
struct HeatTable {
  static constexpr int kEntries = 2048;
  int channels = 0;               // bytes of a sample
  std::vector<uint16_t> entries;  // [1 + kEntries + 1, width()]: keep, then add by channel; guards at both ends
  float straight = 0;             // over this much heat a line between two entries stays within half a level

  int width() const { return channels == 1 ? 2 : 4; }
  const uint16_t* at(int heat) const { return entries.data() + (heat + 1) * width(); }
};

class HeatBlender {
 public:
  void blend(const Frame& frame, const HeatPlane& plane, const HeatStyle& style);

 private:
  // One plane of the frame with the runs of cells over its samples.
  struct Canvas {
    uint8_t* data;
    int stride;
    const HeatTable* table;
  };

  void prepare_tables(const Frame& frame, const HeatStyle& style);
  void refine(const HeatPlane& plane);
  void blend_plane(const Canvas& canvas);
  void blend_run(const Canvas& canvas, const CellRun& rows, int first_run, int last_run);
  void fill_row(BlendRow& out, const HeatTable& table, const CellRun& rows, int row, int first_run,
                int last_run);

  HeatStyle style_;
  PixelFormat format_ = PixelFormat::kRGB;
  YuvMatrix matrix_ = YuvMatrix::kBt601;
  bool full_range_ = false;
  std::vector<HeatTable> tables_;  // [planes]

  std::vector<float> cells_;       // [rows_, columns_] refined heat
  int rows_ = 0, columns_ = 0;
  std::vector<float> coarse_;      // [h, columns_] scratch of refine()
  std::vector<CellRun> x_runs_, y_runs_;
  std::vector<float> cell_row_;    // [columns_] heat along one row of samples
  BlendRow current_, next_;
};

void blend_heat_cpu(const Frame& frame, const HeatPlane& plane, const HeatStyle& style);

}  // namespace tubecam
