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
  // For producers that are told who will read: they let this stream wait for them.
  virtual CUstream_st* stream() = 0;
  // For producers that say on which stream they work: ours waits for what that was given so far.
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
