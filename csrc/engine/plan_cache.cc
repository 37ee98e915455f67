#include "engine/plan_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "engine/sha256.h"

namespace tubecam {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr char kFormat[] = "tubecam plan 1";
constexpr size_t kLongestHeader = 4096;

Json to_json(const PlanKey& key) {
  return {{"graph", key.graph},
          {"library", key.library},
          {"gpu", key.gpu},
          {"capability", key.capability},
          {"precision", key.precision}};
}

PlanKey timings_key(const PlanKey& key) {
  return {"", key.library, key.gpu, key.capability, "timings"};
}

class File {
 public:
  File(const std::string& path, int flags, mode_t mode = 0600)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  explicit operator bool() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }
  bool write(const char* data, size_t size) const {
    while (size > 0) {
      const ssize_t count = ::write(descriptor_, data, size);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      data += count;
      size -= size_t(count);
    }
    return true;
  }

 private:
  int descriptor_;
};

// Held until it goes out of scope. Where a file system knows no locks, two processes may build the
// same plan: a waste, no harm.
class Lock {
 public:
  Lock(const std::string& path, const std::function<void()>& waiting)
      : file_(path, O_RDWR | O_CREAT) {
    if (!file_ || ::flock(file_.get(), LOCK_EX | LOCK_NB) == 0) return;
    if (errno == EWOULDBLOCK) waiting();
    while (::flock(file_.get(), LOCK_EX) != 0 && errno == EINTR) {
    }
  }

 private:
  File file_;
};

bool writable(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  const std::string probe = folder + "/.probe-" + std::to_string(::getpid());
  const bool good = bool(File(probe, O_WRONLY | O_CREAT | O_TRUNC));
  ::unlink(probe.c_str());
  return good;
}

// Whole or not at all.
void write_file(const std::string& path, const std::string& header, const PlanCache::Bytes& bytes) {
  static std::atomic<int> drafts{0};
  const std::string draft =
      path + ".draft-" + std::to_string(::getpid()) + "-" + std::to_string(++drafts);
  bool good = false;
  {
    const File file(draft, O_WRONLY | O_CREAT | O_TRUNC);
    good = file && file.write(header.data(), header.size()) &&
           file.write(bytes.data(), bytes.size()) && ::fsync(file.get()) == 0;
  }
  good = good && ::rename(draft.c_str(), path.c_str()) == 0;
  const int reason = errno;
  if (!good) ::unlink(draft.c_str());
  check(good, ErrorCode::kEngine, "cannot write ", path, ": ", std::strerror(reason));
}

void check_owner(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return;
  check(status.st_uid == ::geteuid() || status.st_uid == 0, ErrorCode::kEngine, "the plan ", path,
        " belongs to another user, and a plan is code: choose another cache folder");
}

std::optional<PlanCache::Bytes> read_file(const std::string& path, const PlanKey& key) {
  std::ifstream stream(path, std::ios::binary);
  std::string format, header;
  if (!stream || !std::getline(stream, format) || format != kFormat) return std::nullopt;
  if (!std::getline(stream, header) || header.size() > kLongestHeader) return std::nullopt;
  const Json record = Json::parse(header, nullptr, false);
  if (!record.is_object() || record.value("key", Json()) != to_json(key)) return std::nullopt;
  const Json size = record.value("size", Json()), digest = record.value("sha256", Json());
  if (!size.is_number_unsigned() || !digest.is_string()) return std::nullopt;
  const auto begin = stream.tellg();
  std::error_code error;
  const uintmax_t whole = fs::file_size(path, error);
  if (error || whole != uintmax_t(begin) + size.get<uintmax_t>()) return std::nullopt;
  PlanCache::Bytes bytes(size.get<size_t>());
  if (!stream.read(bytes.data(), std::streamsize(bytes.size()))) return std::nullopt;
  check_owner(path);
  check(sha256_of(bytes.data(), bytes.size()) == digest.get<std::string>(), ErrorCode::kEngine,
        "the plan ", path, " is not the one that was written there, and a plan is code: find out ",
        "who changed it, then delete it to have it built again");
  return bytes;
}

std::string header_of(const PlanKey& key, const PlanCache::Bytes& bytes) {
  const Json record = {{"key", to_json(key)},
                       {"size", bytes.size()},
                       {"sha256", sha256_of(bytes.data(), bytes.size())}};
  return std::string(kFormat) + "\n" + record.dump() + "\n";
}

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value && *value ? value : nullptr;
}

}  // namespace

std::string PlanCache::default_folder() {
  if (const char* own = variable("TUBECAM_CACHE")) return own;
  if (const char* cache = variable("XDG_CACHE_HOME")) return std::string(cache) + "/tubecam";
  if (const char* home = variable("HOME")) return std::string(home) + "/.cache/tubecam";
  return fs::temp_directory_path().string() + "/tubecam-" + std::to_string(::geteuid());
}

PlanCache::PlanCache(const std::string& folder, Say say)
    : folder_(folder.empty() ? default_folder() : folder), say_(std::move(say)) {
  if (!say_) say_ = [](const std::string&) {};
  if (writable(folder_)) return;
  std::string temporary = (fs::temp_directory_path() / "tubecam-XXXXXX").string();
  check(::mkdtemp(temporary.data()) != nullptr, ErrorCode::kUnavailable,
        "neither the cache folder ", folder_, " nor ", fs::temp_directory_path().string(),
        " can be written");
  say_("the cache folder " + folder_ + " cannot be written; plans go to " + temporary +
       " and are built again next time");
  folder_ = temporary;
}

std::string PlanCache::file_of(const PlanKey& key) const {
  const std::string text = to_json(key).dump();
  return folder_ + "/" + (key.precision.empty() ? "plan" : key.precision) + "-" +
         sha256_of(text.data(), text.size()).substr(0, 24) + ".plan";
}

PlanCache::Bytes PlanCache::load_or_build(const PlanKey& key, const std::function<Bytes()>& build,
                                          bool afresh) {
  if (!afresh) {
    if (auto plan = load(key)) return std::move(*plan);
  }
  const std::string file = file_of(key);
  const Lock lock(file + ".lock",
                  [&] { say_("another process builds this plan; waiting for it"); });
  if (!afresh) {
    if (auto plan = load(key)) return std::move(*plan);
  }
  Bytes plan = build();
  try {
    store(key, plan);
  } catch (const Error& error) {
    say_(std::string(error.what()) + "; the plan is built again next time");
  }
  return plan;
}

std::optional<PlanCache::Bytes> PlanCache::load(const PlanKey& key) const {
  return read_file(file_of(key), key);
}

void PlanCache::store(const PlanKey& key, const Bytes& plan) const {
  write_file(file_of(key), header_of(key, plan), plan);
}

std::optional<PlanCache::Bytes> PlanCache::load_timings(const PlanKey& key) const {
  const PlanKey shared = timings_key(key);
  try {
    return read_file(file_of(shared), shared);
  } catch (const Error&) {
    return std::nullopt;  // it is no code, and comes back with the next build
  }
}

void PlanCache::store_timings(const PlanKey& key, const Bytes& timings) const {
  const PlanKey shared = timings_key(key);
  write_file(file_of(shared), header_of(shared, timings), timings);
}

}  // namespace tubecam
