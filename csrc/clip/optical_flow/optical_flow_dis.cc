// Optical flow by OpenCV on the CPU: a library of its own, so that OpenCV is loaded only when a
// model takes flow.
#include <algorithm>
#include <mutex>
#include <opencv2/core/utility.hpp>
#include <opencv2/video/tracking.hpp>

#include "base/error.h"
#include "clip/optical_flow/optical_flow.h"

namespace tubecam {
namespace {

// DIS searches each stripe of a picture on its own, a stripe a thread: with one thread the flow
// does not depend on the machine. The number is the process's: while several flows are computed,
// the first one to come changes it and the last one to go puts it back.
class OneThread {
 public:
  OneThread() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (at_work_++ > 0) return;
    before_ = cv::getNumThreads();
    cv::setNumThreads(1);
  }
  ~OneThread() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--at_work_ == 0) cv::setNumThreads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  static inline std::mutex mutex_;
  static inline int at_work_ = 0, before_ = 0;
};

class DisFlow final : public OpticalFlow {
 public:
  DisFlow(int height, int width)
      : dis_(cv::DISOpticalFlow::create(cv::DISOpticalFlow::PRESET_MEDIUM)),
        height_(height),
        width_(width) {}

  void run(const uint8_t* from, const uint8_t* to, float* flow) override {
    const OneThread one;
    cv::Mat result;  // empty: DIS would begin its search with whatever it holds
    try {
      dis_->calc(picture(from), picture(to), result);
    } catch (const cv::Exception& error) {
      fail(ErrorCode::kEngine, "OpenCV cannot compute the optical flow: ", error.what());
    }
    const int64_t pixels = int64_t{1} * height_ * width_;
    const auto* vectors = result.ptr<cv::Vec2f>();
    for (int64_t i = 0; i < pixels; ++i) {
      flow[i] = vectors[i][0];
      flow[pixels + i] = vectors[i][1];
    }
  }

 private:
  cv::Mat picture(const uint8_t* grey) const {
    return {height_, width_, CV_8UC1, const_cast<uint8_t*>(grey)};
  }

  cv::Ptr<cv::DISOpticalFlow> dis_;
  int height_, width_;
};

}  // namespace
}  // namespace tubecam

extern "C" TUBECAM_API tubecam::OpticalFlow* tubecam_make_optical_flow(int height, int width) {
  return new tubecam::DisFlow(height, width);
}
