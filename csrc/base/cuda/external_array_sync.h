// The way in for memory of a GPU that another library's work writes.
#pragma once

#include "base/device.h"
#include "base/export.h"

struct CUstream_st;
struct CUevent_st;

namespace tubecam {

// One a GPU, for the life of the process. Its stream collects what has to be done before the memory
// may be read. One call at a time.
class ExternalArraySync {
 public:
  virtual ~ExternalArraySync() = default;
  // For producers that take the stream of the reader: they let this one wait for them.
  virtual CUstream_st* stream() = 0;
  // For producers that name the stream of their work: ours waits for what was queued there.
  virtual void follow(CUstream_st* producer) = 0;
  // Reached once all of that is done. Valid for ever; a later call lets it wait for more.
  virtual CUevent_st* ready() = 0;
  virtual void wait() = 0;  // the host waits for the same
  // The GPU in whose memory this lies, managed memory included; kCpu: none.
  virtual Device owner_of(const void* memory) = 0;
};

// Throws kUnavailable where the device's kernels cannot run.
TUBECAM_API ExternalArraySync& external_array_sync(Device device);

}  // namespace tubecam
