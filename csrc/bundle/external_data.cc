#include "bundle/external_data.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/error.h"

// Note [Protocol buffers]
// An ONNX file is one message. A message is a sequence of fields: a varint key (number · 8 + wire
// type), then a varint (0), 8 bytes (1), 4 bytes (5), or a varint length and as many bytes (2),
// which may be a message again. Only those messages are entered that can hold tensors.

namespace tubecam {
namespace {

constexpr int kMaxDepth = 64;            // messages within messages
constexpr uint64_t kMaxLocation = 4096;  // bytes
constexpr uint64_t kBuffered = 4096;     // bytes that are sooner read than sought

enum class Message {
  kModel,
  kTrainingInfo,
  kFunction,
  kGraph,
  kNode,
  kAttribute,
  kSparseTensor,
  kTensor,
  kEntry,  // StringStringEntryProto: a key and a value
};

// Field `number` of `parent` is a `child` (onnx.proto).
struct Step {
  Message parent;
  uint64_t number;
  Message child;
};

constexpr Step kSteps[] = {
    {Message::kModel, 7, Message::kGraph},
    {Message::kModel, 20, Message::kTrainingInfo},
    {Message::kModel, 25, Message::kFunction},
    {Message::kTrainingInfo, 1, Message::kGraph},
    {Message::kTrainingInfo, 2, Message::kGraph},
    {Message::kFunction, 7, Message::kNode},
    {Message::kFunction, 11, Message::kAttribute},
    {Message::kGraph, 1, Message::kNode},
    {Message::kGraph, 5, Message::kTensor},
    {Message::kGraph, 15, Message::kSparseTensor},
    {Message::kNode, 5, Message::kAttribute},
    {Message::kAttribute, 5, Message::kTensor},
    {Message::kAttribute, 6, Message::kGraph},
    {Message::kAttribute, 10, Message::kTensor},
    {Message::kAttribute, 11, Message::kGraph},
    {Message::kAttribute, 22, Message::kSparseTensor},
    {Message::kAttribute, 23, Message::kSparseTensor},
    {Message::kSparseTensor, 1, Message::kTensor},
    {Message::kSparseTensor, 2, Message::kTensor},
    {Message::kTensor, 13, Message::kEntry},
};

const Step* find_step(Message parent, uint64_t number) {
  for (const Step& step : kSteps) {
    if (step.parent == parent && step.number == number) return &step;
  }
  return nullptr;
}

class Walker {
 public:
  explicit Walker(const std::string& path) : path_(path), file_(path, std::ios::binary) {
    check(file_.good(), ErrorCode::kBundle, "cannot open ", path, ": ", std::strerror(errno));
    size_ = std::filesystem::file_size(path);
  }

  std::set<std::string> run() {
    walk(Message::kModel, size_, 0);
    return std::move(locations_);
  }

 private:
  void require(bool good) const {
    check(good, ErrorCode::kBundle, path_, " is no ONNX graph, or is damaged at byte ", at_);
  }

  uint64_t varint(uint64_t end) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      require(at_ < end);
      const int byte = file_.get();
      require(byte != EOF);
      ++at_;
      value |= uint64_t(byte & 127) << shift;
      if (byte < 128) return value;
    }
    require(false);
    return 0;
  }

  void skip(uint64_t count, uint64_t end) {
    require(count <= end - at_);
    at_ += count;
    if (count <= kBuffered) {
      file_.ignore(std::streamsize(count));
    } else {
      file_.seekg(std::streamoff(at_));
    }
  }

  std::string text(uint64_t size) {
    require(size <= kMaxLocation);
    std::string bytes(size, '\0');
    file_.read(bytes.data(), std::streamsize(size));
    require(uint64_t(file_.gcount()) == size);
    at_ += size;
    return bytes;
  }

  void walk(Message message, uint64_t end, int depth) {
    require(depth < kMaxDepth);
    std::string key, value;
    while (at_ < end) {
      const uint64_t tag = varint(end), number = tag >> 3;
      switch (tag & 7) {
        case 0:
          varint(end);
          break;
        case 1:
          skip(8, end);
          break;
        case 5:
          skip(4, end);
          break;
        case 2: {
          const uint64_t size = varint(end);
          require(size <= end - at_);
          if (message == Message::kEntry && number <= 2) {
            (number == 1 ? key : value) = text(size);
          } else if (const Step* step = find_step(message, number)) {
            walk(step->child, at_ + size, depth + 1);
          } else {
            skip(size, end);
          }
          break;
        }
        default:
          require(false);
      }
    }
    if (message == Message::kEntry && key == "location") locations_.insert(value);
  }

  std::string path_;
  std::ifstream file_;
  uint64_t size_ = 0, at_ = 0;
  std::set<std::string> locations_;
};

}  // namespace

std::set<std::string> external_data(const std::string& onnx_file) {
  return Walker(onnx_file).run();
}

}  // namespace tubecam
