// The CUDA context of a pipeline: TubeCAM's, offered to the elements around it.
#pragma once

#include <gst/gst.h>

#include <memory>

#include "base/device.h"

namespace tubecam {

// Note [CUDA contexts]
// Memory of one CUDA context is nothing to another, even on the same GPU. TubeCAM's kernels and
// engines work in the GPU's primary context. A tubecam whose device is a GPU gives that context to
// the elements that ask for one (GstContext gst.cuda.context): decoders and uploaders before it
// then allocate where kernels can read and draw in place. Frames of any other context are brought
// to system memory by GStreamer, and back after drawing: slower, and right.
class CudaSharing {
 public:
  virtual ~CudaSharing() = default;
  // Offers it to the pipeline; on the way from NULL to READY, before elements upstream look for
  // one.
  virtual void offer(GstElement* element) = 0;
  // True when the query was for a CUDA context of this device, and is answered.
  virtual bool answer(GstElement* element, GstQuery* query) = 0;
};

// Null where the device is no GPU, where CUDA's kernels cannot run, and where the plugin was built
// without TUBECAM_GST_CUDA or libgstcuda does not load: then nothing is shared.
std::unique_ptr<CudaSharing> share_cuda(Device device);

}  // namespace tubecam
