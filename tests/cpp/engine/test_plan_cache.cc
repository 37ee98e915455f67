#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <thread>

#include "base/error.h"
#include "engine/tensorrt/plan_cache.h"

namespace tubecam {
namespace {

namespace fs = std::filesystem;
using Bytes = PlanCache::Bytes;

class PlanCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "plans-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  void TearDown() override { fs::remove_all(folder); }

  Bytes built(PlanCache& cache, const PlanKey& key, bool rebuild = false) {
    return cache.load_or_build(
        key,
        [&] {
          ++builds;
          return plan;
        },
        rebuild);
  }

  std::string folder;
  PlanKey key{"abc", "TensorRT 10.3.0", "Orin", "8.7", "float16"};
  Bytes plan = Bytes(5000, 'p');
  int builds = 0;
};

std::string text_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

TEST_F(PlanCacheTest, BuildsOnce) {
  PlanCache cache(folder);
  EXPECT_FALSE(cache.load(key));
  EXPECT_EQ(built(cache, key), plan);
  EXPECT_EQ(built(cache, key), plan);
  PlanCache another(folder);
  EXPECT_EQ(built(another, key), plan);
  EXPECT_EQ(builds, 1);
  built(cache, key, true);
  EXPECT_EQ(builds, 2);
}

TEST_F(PlanCacheTest, NoOtherKeyServes) {
  PlanCache cache(folder);
  built(cache, key);
  for (std::string PlanKey::*field : {&PlanKey::graph, &PlanKey::library, &PlanKey::gpu,
                                      &PlanKey::capability, &PlanKey::precision}) {
    PlanKey other = key;
    other.*field += "x";
    EXPECT_FALSE(cache.load(other));
    // Even under the other's name.
    fs::copy_file(cache.file_of(key), cache.file_of(other));
    EXPECT_FALSE(cache.load(other));
  }
}

TEST_F(PlanCacheTest, TruncatedPlansAreBuiltAgain) {
  PlanCache cache(folder);
  built(cache, key);
  const std::string whole = text_of(cache.file_of(key));
  for (const size_t length :
       {size_t{0}, size_t{5}, size_t{60}, whole.size() - 5000, whole.size() - 1}) {
    write_text(cache.file_of(key), whole.substr(0, length));
    EXPECT_FALSE(cache.load(key)) << length;
  }
  write_text(cache.file_of(key), whole + "more");
  EXPECT_FALSE(cache.load(key));
  EXPECT_EQ(built(cache, key), plan);
  EXPECT_EQ(builds, 2);
}

TEST_F(PlanCacheTest, OtherFormatsAreBuiltAgain) {
  PlanCache cache(folder);
  for (const char* text : {"tubecam plan 2\n{}\n", "tubecam plan 1\n[1]\n", "tubecam plan 1\n{",
                           "tubecam plan 1\n{\"key\": 3}\n", "ptrt\n\n\n"}) {
    write_text(cache.file_of(key), text);
    EXPECT_FALSE(cache.load(key)) << text;
  }
  std::string whole;
  built(cache, key);
  whole = text_of(cache.file_of(key));
  for (const char* field : {"\"size\":5000", "\"sha256\":\""}) {
    std::string other = whole;
    other.replace(other.find(field), 9, "\"other\":9");
    write_text(cache.file_of(key), other);
    EXPECT_FALSE(cache.load(key)) << field;
  }
}

TEST_F(PlanCacheTest, ChangedPlansAreRefused) {
  PlanCache cache(folder);
  built(cache, key);
  std::string changed = text_of(cache.file_of(key));
  changed[changed.size() - 100] ^= 1;
  write_text(cache.file_of(key), changed);
  try {
    built(cache, key);
    FAIL() << "a plan that was changed has been loaded";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kEngine);
    EXPECT_NE(std::string(error.what()).find(cache.file_of(key)), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("delete"), std::string::npos);
  }
  EXPECT_EQ(builds, 1);
  fs::remove(cache.file_of(key));
  EXPECT_EQ(built(cache, key), plan);
}

TEST_F(PlanCacheTest, NothingHalfWrittenStays) {
  PlanCache cache(folder);
  built(cache, key);
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    EXPECT_EQ(folder + "/" + name, cache.file_of(key));  // no draft, no lock
  }
  struct stat status {};
  ASSERT_EQ(::stat(cache.file_of(key).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(PlanCacheTest, InAFolderThatCannotBeWrittenNothingIsKept) {
  write_text(folder + "/file", "");
  std::string said;
  PlanCache cache(folder + "/file/plans", [&](const std::string& text) { said = text; });
  EXPECT_NE(said.find(folder + "/file/plans"), std::string::npos);
  EXPECT_NE(said.find("TUBECAM_CACHE"), std::string::npos);
  EXPECT_EQ(cache.folder(), "");
  EXPECT_EQ(built(cache, key), plan);
  EXPECT_EQ(built(cache, key), plan);
  EXPECT_EQ(builds, 2);
  cache.store_timings(key, plan);
  EXPECT_FALSE(cache.load_timings(key));
}

TEST_F(PlanCacheTest, MadeFoldersAreTheUsersAlone) {
  const mode_t before = ::umask(0);
  const PlanCache cache(folder + "/several/levels");
  ::umask(before);
  for (const char* made : {"/several", "/several/levels"}) {
    struct stat status {};
    ASSERT_EQ(::stat((folder + made).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u) << made;
  }
}

TEST_F(PlanCacheTest, LinksAreNotFollowed) {
  PlanCache cache(folder), elsewhere(folder + "/elsewhere");
  built(elsewhere, key);
  fs::create_symlink(elsewhere.file_of(key), cache.file_of(key));
  EXPECT_FALSE(cache.load(key));
  const Bytes other(5000, 'q');
  cache.store(key, other);
  EXPECT_EQ(cache.load(key), other);
  EXPECT_EQ(elsewhere.load(key), plan);  // what the link named
  fs::remove(cache.file_of(key));
  write_text(folder + "/victim", "whole");
  fs::create_symlink(folder + "/victim", cache.file_of(key) + ".lock");
  EXPECT_EQ(built(cache, key), plan);
  EXPECT_EQ(text_of(folder + "/victim"), "whole");
}

TEST_F(PlanCacheTest, APlanThatOthersCanWriteIsRefused) {
  PlanCache cache(folder);
  built(cache, key);
  ASSERT_EQ(::chmod(cache.file_of(key).c_str(), 0666), 0);
  EXPECT_THROW(cache.load(key), Error);
}

TEST_F(PlanCacheTest, APlanThatCannotBeKeptIsUsed) {
  std::string said;
  PlanCache cache(folder, [&](const std::string& text) { said = text; });
  fs::create_directories(cache.file_of(key) + "/in the way");
  EXPECT_EQ(built(cache, key), plan);
  EXPECT_NE(said.find("cannot write"), std::string::npos) << said;
}

TEST_F(PlanCacheTest, ErrorsOfTheBuilderComeThrough) {
  PlanCache cache(folder);
  const auto build = []() -> Bytes { fail(ErrorCode::kEngine, "no MaxUnpool"); };
  EXPECT_THROW(cache.load_or_build(key, build), Error);
  EXPECT_EQ(built(cache, key), plan);  // the lock was let go
}

TEST_F(PlanCacheTest, ThreadsBuildItOnce) {
  std::atomic<int> count{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      PlanCache cache(folder);
      const Bytes got = cache.load_or_build(key, [&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        ++count;
        return plan;
      });
      EXPECT_EQ(got, plan);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 1);
}

TEST_F(PlanCacheTest, ProcessesBuildItOnce) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      PlanCache cache(folder);
      cache.load_or_build(key, [&] {
        ::usleep(50'000);
        write_text(folder + "/built-" + std::to_string(::getpid()), "");
        return plan;
      });
      ::_exit(0);
    }
    children.push_back(child);
  }
  int built_by = 0;
  for (const pid_t child : children) {
    int status = 1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    built_by += fs::exists(folder + "/built-" + std::to_string(child));
  }
  EXPECT_EQ(built_by, 1);
}

TEST_F(PlanCacheTest, WaitsAndSaysSo) {
  PlanCache first(folder);
  std::atomic<bool> waiting{false};
  std::thread second;
  first.load_or_build(key, [&] {
    second = std::thread([&] {
      PlanCache cache(folder, [&](const std::string& text) {
        EXPECT_NE(text.find("another process"), std::string::npos);
        waiting = true;
      });
      EXPECT_EQ(built(cache, key), plan);
    });
    while (!waiting) std::this_thread::yield();
    return plan;
  });
  second.join();
  EXPECT_EQ(builds, 0);
}

TEST_F(PlanCacheTest, TimingsServeEveryGraphOfTheGpu) {
  PlanCache cache(folder);
  EXPECT_FALSE(cache.load_timings(key));
  cache.store_timings(key, plan);
  PlanKey other = key;
  other.graph = "another", other.precision = "float32";
  EXPECT_EQ(cache.load_timings(other), plan);
  other.library = "TensorRT 11.0.0";
  EXPECT_FALSE(cache.load_timings(other));
}

TEST(PlanCacheFolder, ComesFromTheEnvironment) {
  std::map<const char*, std::optional<std::string>> before;
  for (const char* name : {"TUBECAM_CACHE", "XDG_CACHE_HOME", "HOME"}) {
    const char* value = std::getenv(name);
    before[name] = value ? std::optional<std::string>(value) : std::nullopt;
  }
  ::setenv("TUBECAM_CACHE", "/somewhere/plans", 1);
  EXPECT_EQ(PlanCache::default_folder(), "/somewhere/plans");
  ::setenv("TUBECAM_CACHE", "", 1);
  ::setenv("XDG_CACHE_HOME", "", 1);
  ::setenv("HOME", "/home/someone", 1);
  EXPECT_EQ(PlanCache::default_folder(), "/home/someone/.cache/tubecam");
  ::unsetenv("HOME");
  EXPECT_EQ(PlanCache::default_folder(), "");  // and no folder that others can write
  for (const auto& [name, value] : before) {
    if (value)
      ::setenv(name, value->c_str(), 1);
    else
      ::unsetenv(name);
  }
}

}  // namespace
}  // namespace tubecam
