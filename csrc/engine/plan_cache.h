// Compiled plans of an engine on disk: built once per graph, library, GPU and precision.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tubecam {

// A plan serves nothing but what it was built for.
struct PlanKey {
  std::string graph;       // SHA-256 of the graph's file
  std::string library;     // "TensorRT 10.3.0": what it was built by
  std::string gpu;         // "Orin"
  std::string capability;  // "8.7"
  std::string precision;   // "fp16"
};

// Note [Plans on disk]
// A plan is code, and takes minutes to build. So a file holds one line that names its format, one
// of JSON with the whole key, the plan's length and its SHA-256, and then the plan; it is written
// under another name and renamed, so that no reader sees half of it.
//   another key or format, or cut short → built again
//   the right length and another hash, or a file of another user → refused: someone changed it
// Processes that need the same plan wait for the first to build it (flock, which the system lets go
// of when a process dies).
class PlanCache {
 public:
  using Bytes = std::vector<char>;
  using Say = std::function<void(const std::string&)>;  // a sentence for people

  // folder: made when missing; empty: default_folder(). One that cannot be written is replaced by a
  // temporary one, and `say` is told. Throws kUnavailable when there is no such one either.
  explicit PlanCache(const std::string& folder, Say say = {});

  // $TUBECAM_CACHE, else $XDG_CACHE_HOME/tubecam, else ~/.cache/tubecam.
  static std::string default_folder();

  const std::string& folder() const { return folder_; }
  std::string file_of(const PlanKey& key) const;

  // The plan; `build` makes it where the cache has none, or where `afresh`. A plan that cannot be
  // kept (disk full) is used all the same, and `say` is told. Throws kEngine for a file that was
  // changed, and what `build` throws.
  Bytes load_or_build(const PlanKey& key, const std::function<Bytes()>& build, bool afresh = false);

  // nullopt: none, or to be built again.
  std::optional<Bytes> load(const PlanKey& key) const;
  void store(const PlanKey& key, const Bytes& plan) const;  // throws kEngine

  // What the builder learnt of kernels' times on this GPU; precision and graph do not matter. Lost
  // or damaged, it is nullopt.
  std::optional<Bytes> load_timings(const PlanKey& key) const;
  void store_timings(const PlanKey& key, const Bytes& timings) const;  // throws kEngine

 private:
  std::string folder_;
  Say say_;
};

}  // namespace tubecam
