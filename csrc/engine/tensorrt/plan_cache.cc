#include "engine/tensorrt/plan_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/sha256/sha256.h"

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
  // Never through a link at the path's end: someone else may have put that there.
  File(const std::string& path, int flags, mode_t mode = 0600)
      : File(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode)) {}
  explicit File(int descriptor) : descriptor_(descriptor) {}
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

// Held until it goes out of scope; the file is then gone. Where a file system knows no locks, two
// processes may build the same plan: a waste, no harm.
class Lock {
 public:
  Lock(const std::string& path, const std::function<void()>& waiting) : path_(path) {
    bool reported = false;
    do {
      file_ = std::make_unique<File>(path, O_RDWR | O_CREAT);
      if (!*file_ || ::flock(file_->get(), LOCK_EX | LOCK_NB) == 0) continue;
      if (errno == EWOULDBLOCK && !std::exchange(reported, true)) waiting();
      while (::flock(file_->get(), LOCK_EX) != 0 && errno == EINTR) {
      }
    } while (*file_ && !is_there());
  }
  ~Lock() {
    if (*file_) ::unlink(path_.c_str());
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  // Not when its last holder removed it while this one waited.
  bool is_there() const {
    struct stat held {
    }, there{};
    return ::fstat(file_->get(), &held) == 0 && ::lstat(path_.c_str(), &there) == 0 &&
           held.st_ino == there.st_ino;
  }

  std::string path_;
  std::unique_ptr<File> file_;
};

// Makes what is missing of the folder, for this user alone.
void make_folder(const fs::path& folder) {
  if (folder.has_parent_path() && folder.parent_path() != folder) make_folder(folder.parent_path());
  ::mkdir(folder.c_str(), 0700);
}

bool writable(const std::string& folder) {
  if (folder.empty()) return false;
  std::error_code error;
  make_folder(fs::absolute(folder, error));
  return fs::is_directory(folder, error) && ::access(folder.c_str(), W_OK | X_OK) == 0;
}

// Whole or not at all.
void write_file(const std::string& path, const std::string& header, const PlanCache::Bytes& bytes) {
  std::string draft = path + ".draft-XXXXXX";
  bool good = false;
  {
    const File file(::mkostemp(draft.data(), O_CLOEXEC));
    good = file && file.write(header.data(), header.size()) &&
           file.write(bytes.data(), bytes.size()) && ::fsync(file.get()) == 0;
  }
  good = good && ::rename(draft.c_str(), path.c_str()) == 0;
  const int reason = errno;
  if (!good) ::unlink(draft.c_str());
  check(good, ErrorCode::kEngine, "cannot write ", path, ": ", std::strerror(reason));
}

void check_owner(const std::string& path, const struct stat& status) {
  const bool ours = status.st_uid == ::geteuid() || status.st_uid == 0;
  check(ours && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0, ErrorCode::kEngine, "the plan ", path,
        " can be changed by another user, and a plan is code: choose another cache folder");
}

// All of a regular file, with what the system says of the very file that is read; or nothing.
std::optional<PlanCache::Bytes> read_whole(const std::string& path, struct stat* status) {
  const File file(path, O_RDONLY | O_NONBLOCK);
  if (!file || ::fstat(file.get(), status) != 0 || !S_ISREG(status->st_mode)) return std::nullopt;
  PlanCache::Bytes bytes(size_t(status->st_size));
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t count = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    done += size_t(count);
  }
  return bytes;
}

// Takes a line off the front; nothing where it is longer than `most`.
std::optional<std::string> take_line(const PlanCache::Bytes& bytes, size_t* place, size_t most) {
  const auto begin = bytes.begin() + std::ptrdiff_t(*place);
  const auto limit = begin + std::ptrdiff_t(std::min(most + 1, bytes.size() - *place));
  const auto end = std::find(begin, limit, '\n');
  if (end == limit) return std::nullopt;
  *place += size_t(end - begin) + 1;
  return std::string(begin, end);
}

std::optional<PlanCache::Bytes> read_file(const std::string& path, const PlanKey& key) {
  struct stat status {};
  std::optional<PlanCache::Bytes> bytes = read_whole(path, &status);
  if (!bytes) return std::nullopt;
  size_t begin = 0;
  if (take_line(*bytes, &begin, kLongestHeader) != kFormat) return std::nullopt;
  const auto header = take_line(*bytes, &begin, kLongestHeader);
  const Json record = Json::parse(header.value_or(""), nullptr, false);
  if (!record.is_object() || record.value("key", Json()) != to_json(key)) return std::nullopt;
  const Json size = record.value("size", Json()), digest = record.value("sha256", Json());
  if (!size.is_number_unsigned() || !digest.is_string()) return std::nullopt;
  if (bytes->size() - begin != size.get<size_t>()) return std::nullopt;
  bytes->erase(bytes->begin(), bytes->begin() + std::ptrdiff_t(begin));
  check_owner(path, status);
  check(sha256_of(bytes->data(), bytes->size()) == digest.get<std::string>(), ErrorCode::kEngine,
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
  return "";
}

PlanCache::PlanCache(const std::string& folder, Log log)
    : folder_(folder.empty() ? default_folder() : folder), log_(std::move(log)) {
  if (!log_) log_ = [](const std::string&) {};
  if (writable(folder_)) return;
  const std::string why = folder_.empty() ? "neither TUBECAM_CACHE nor HOME names a cache folder"
                                          : "the cache folder " + folder_ + " cannot be written";
  log_(why + ", so plans are built again each time: set TUBECAM_CACHE");
  folder_.clear();
}

std::string PlanCache::file_of(const PlanKey& key) const {
  const std::string text = to_json(key).dump();
  return folder_ + "/" + (key.precision.empty() ? "plan" : key.precision) + "-" +
         sha256_of(text.data(), text.size()).substr(0, 24) + ".plan";
}

PlanCache::Bytes PlanCache::load_or_build(const PlanKey& key, const std::function<Bytes()>& build,
                                          bool rebuild) {
  if (folder_.empty()) return build();
  if (!rebuild) {
    if (auto plan = load(key)) return std::move(*plan);
  }
  const std::string file = file_of(key);
  const Lock lock(file + ".lock",
                  [&] { log_("another process builds this plan; waiting for it"); });
  if (!rebuild) {
    if (auto plan = load(key)) return std::move(*plan);
  }
  Bytes plan = build();
  try {
    store(key, plan);
  } catch (const Error& error) {
    log_(std::string(error.what()) + "; the plan is built again next time");
  }
  return plan;
}

std::optional<PlanCache::Bytes> PlanCache::load(const PlanKey& key) const {
  if (folder_.empty()) return std::nullopt;
  return read_file(file_of(key), key);
}

void PlanCache::store(const PlanKey& key, const Bytes& plan) const {
  if (folder_.empty()) return;
  write_file(file_of(key), header_of(key, plan), plan);
}

std::optional<PlanCache::Bytes> PlanCache::load_timings(const PlanKey& key) const {
  if (folder_.empty()) return std::nullopt;
  const PlanKey shared = timings_key(key);
  try {
    return read_file(file_of(shared), shared);
  } catch (const Error&) {
    return std::nullopt;  // it is no code, and comes back with the next build
  }
}

void PlanCache::store_timings(const PlanKey& key, const Bytes& timings) const {
  if (folder_.empty()) return;
  const PlanKey shared = timings_key(key);
  write_file(file_of(shared), header_of(shared, timings), timings);
}

}  // namespace tubecam
