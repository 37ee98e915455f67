// SHA-256 against the examples of FIPS 180-4, and its ways to compute it against each other.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <random>
#include <vector>

#include "base/error.h"
#include "base/sha256/sha256.h"
#include "base/sha256/sha256_blocks.h"

namespace tubecam {
namespace {

std::string hash(const std::string& text) { return sha256_of(text.data(), text.size()); }

// The standard's examples, as the Cryptographic Standards and Guidelines publish them.
TEST(Sha256, IsTheStandards) {
  EXPECT_EQ(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(
      hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),  // 448 bits: two blocks
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                 "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(hash(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// 55 bytes are the most that share a block with the padding; 64 are a block of their own.
TEST(Sha256, PadsEveryLength) {
  EXPECT_EQ(hash(std::string(55, 'a')),
            "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  EXPECT_EQ(hash(std::string(56, 'a')),
            "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
  EXPECT_EQ(hash(std::string(64, 'a')),
            "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const std::string path = testing::TempDir() + "tubecam-sha256";
  for (const size_t size : {0, 3, 1 << 18, (1 << 18) + 1, 3 << 18, (1 << 20) - 1}) {
    std::ofstream(path, std::ios::binary) << std::string(size, 'a');
    EXPECT_EQ(sha256_of_file(path), hash(std::string(size, 'a'))) << size;
  }
  std::remove(path.c_str());
  EXPECT_THROW(sha256_of_file(path), Error);
}

TEST(Sha256, TheProcessorsInstructionsAgreeWithTheDefinition) {
  std::mt19937 random(7);
  for (const size_t count : {1, 2, 3, 17}) {
    Sha256State here, portable;
    for (uint32_t& word : here) word = random();
    portable = here;
    std::vector<uint8_t> blocks(count * kSha256Block + 1);
    for (uint8_t& byte : blocks) byte = static_cast<uint8_t>(random());
    sha256_blocks_here()(here, blocks.data() + 1, count);  // blocks need not be aligned
    sha256_blocks_portable(portable, blocks.data() + 1, count);
    EXPECT_EQ(here, portable) << count;
  }
}

}  // namespace
}  // namespace tubecam
