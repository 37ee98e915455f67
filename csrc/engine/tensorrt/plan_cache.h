// Compiled plans of an engine on disk: built once per graph, library, GPU and precision.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/export.h"

namespace tubecam {

// A plan serves nothing but what it was built for.
struct PlanKey {
  std::string graph;       // SHA-256 of the graph's file
  std::string library;     // "TensorRT 10.3.0": what it was built by
  std::string gpu;         // "Orin"
  std::string capability;  // "8.7"
  std::string precision;   // "float16"
};

// Note [Plans on disk]
// A plan is code, and takes minutes to build. So a file holds one line that names its format, one
// of JSON with the whole key, the plan's length and its SHA-256, and then the plan; it is written
// under another name and renamed, so that no reader sees half of it.
//   another key or format, or cut short → built again
//   the right length and another hash, or a file that another user can change → refused
// Processes that need the same plan wait for the first to build it (flock, which the system lets go
// of when a process dies). No link at a path's end is followed, and owner and mode are those of the
// file that is open. Where there is no folder of one's own, nothing is kept: a plan in a folder
// that others can write is theirs.
class TUBECAM_API PlanCache {
 public:
  using Bytes = std::vector<char>;
  using Log = std::function<void(const std::string&)>;  // a sentence for people

  // folder: made when missing, for this user alone; empty: default_folder(). Where there is none,
  // or one that cannot be written, nothing is kept, and `log` gets the reason.
  explicit PlanCache(const std::string& folder, Log log = {});

  // $TUBECAM_CACHE, else $XDG_CACHE_HOME/tubecam, else ~/.cache/tubecam; empty where none is set.
  static std::string default_folder();

  const std::string& folder() const { return folder_; }  // empty: nothing is kept
  std::string file_of(const PlanKey& key) const;

  // The plan; `build` makes it where the cache has none, or where `rebuild`. A plan that cannot be
  // kept (disk full) is used all the same, and `log` gets the reason. Throws kEngine for a file
  // that was changed, and what `build` throws.
  Bytes load_or_build(const PlanKey& key, const std::function<Bytes()>& build,
                      bool rebuild = false);

  // nullopt: none, or to be built again.
  std::optional<Bytes> load(const PlanKey& key) const;
  void store(const PlanKey& key, const Bytes& plan) const;  // throws kEngine

  // What the builder learnt of kernels' times on this GPU; precision and graph do not matter. Lost
  // or damaged, it is nullopt.
  std::optional<Bytes> load_timings(const PlanKey& key) const;
  void store_timings(const PlanKey& key, const Bytes& timings) const;  // throws kEngine

 private:
  std::string folder_;
  Log log_;
};

}  // namespace tubecam
