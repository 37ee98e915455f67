#include "bundle/sha256.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"

namespace tubecam {
namespace {

constexpr size_t kBlock = 1 << 20;

std::string to_hex(const unsigned char* bytes, unsigned count) {
  static const char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < count; ++i) {
    hex += kDigits[bytes[i] >> 4];
    hex += kDigits[bytes[i] & 15];
  }
  return hex;
}

}  // namespace

std::string sha256_of_file(const std::string& path) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  check(file != nullptr, ErrorCode::kBundle, "cannot open ", path, ": ", std::strerror(errno));
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  bool good = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  std::vector<unsigned char> block(kBlock);
  for (size_t count = kBlock; good && count == kBlock;) {
    count = std::fread(block.data(), 1, kBlock, file.get());
    good = EVP_DigestUpdate(context.get(), block.data(), count) == 1;
  }
  check(!std::ferror(file.get()), ErrorCode::kBundle, "cannot read ", path);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  good = good && EVP_DigestFinal_ex(context.get(), digest, &size) == 1;
  check(good, ErrorCode::kBundle, "the system's libcrypto offers no SHA-256, so ", path,
        " cannot be verified");
  return to_hex(digest, size);
}

std::string sha256_of(const void* data, size_t size) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  const bool good = EVP_Digest(data, size, digest, &length, EVP_sha256(), nullptr) == 1;
  check(good, ErrorCode::kUnavailable, "the system's libcrypto offers no SHA-256");
  return to_hex(digest, length);
}

}  // namespace tubecam
