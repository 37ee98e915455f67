#include "base/sha256/sha256.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/sha256/sha256_blocks.h"

namespace tubecam {
namespace {

constexpr size_t kPiece = 1 << 18;  // read at once, bytes: whole blocks

class Sha256 {
 public:
  // data: whole blocks, but for the last call before hex().
  void add(const uint8_t* data, size_t size) {
    total_ += size;
    blocks_(state_, data, size / kSha256Block);
    rest_ = size % kSha256Block;
    std::copy_n(data + size - rest_, rest_, tail_);
  }

  // Pads by a bit, zeros and the length in bits (section 5.1.1), and gives the hash.
  std::string hex() {
    std::fill(tail_ + rest_, std::end(tail_), uint8_t{0});
    tail_[rest_] = 0x80;
    const size_t blocks = rest_ + 9 > kSha256Block ? 2 : 1;
    for (int i = 0; i < 8; ++i)
      tail_[blocks * kSha256Block - 1 - i] = static_cast<uint8_t>(8 * total_ >> 8 * i);
    blocks_(state_, tail_, blocks);
    std::string text;
    for (const uint32_t word : state_)
      for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[word >> shift & 15];
    return text;
  }

 private:
  // The first 32 bits of the fractions of the square roots of the first eight primes.
  Sha256State state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  Sha256Blocks* blocks_ = sha256_blocks_here();
  uint64_t total_ = 0;  // bytes
  size_t rest_ = 0;
  uint8_t tail_[2 * kSha256Block];
};

}  // namespace

std::string sha256_of_file(const std::string& path) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  check(file != nullptr, ErrorCode::kBundle, "cannot open ", path, ": ", std::strerror(errno));
  std::vector<uint8_t> piece(kPiece);
  Sha256 hash;
  for (size_t count = kPiece; count == kPiece;) {
    count = std::fread(piece.data(), 1, kPiece, file.get());
    hash.add(piece.data(), count);
  }
  check(!std::ferror(file.get()), ErrorCode::kBundle, "cannot read ", path);
  return hash.hex();
}

std::string sha256_of(const void* data, size_t size) {
  Sha256 hash;
  hash.add(static_cast<const uint8_t*>(data), size);
  return hash.hex();
}

}  // namespace tubecam
