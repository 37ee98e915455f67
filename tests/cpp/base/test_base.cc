#include <gtest/gtest.h>

#include "base/device.h"
#include "base/error.h"
#include "base/tensor.h"

namespace tubecam {
namespace {

template <typename Function>
Error error_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error was thrown";
  return Error(ErrorCode::kUsage, "");
}

TEST(Device, ReadsWhatItWrites) {
  for (const char* text : {"cpu", "cuda:0", "cuda:7"}) {
    EXPECT_EQ(Device::parse(text).to_string(), text);
  }
  EXPECT_EQ(Device::parse("cuda").to_string(), "cuda:0");
}

TEST(Device, RefusesOtherNames) {
  for (const char* text : {"", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999999999"}) {
    const Error error = error_of([&] { Device::parse(text); });
    EXPECT_EQ(error.code(), ErrorCode::kUsage) << text;
    EXPECT_NE(std::string(error.what()).find("cuda:N"), std::string::npos);
  }
}

// Where kernels were built and there is a GPU, nothing is missing: tubecam_cuda_tests run there.
TEST(Device, SaysWhatKernelsLack) {
  EXPECT_NO_THROW(require_kernels({}));
  try {
    require_kernels({DeviceType::kCuda, 0});
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    const std::string text = error.what();
    const bool says = text.find("-DTUBECAM_CUDA=ON") != std::string::npos ||
                      text.find("driver") != std::string::npos;
    EXPECT_TRUE(says) << text;
  }
}

TEST(Tensor, CountsAndPrintsShapes) {
  EXPECT_EQ(num_elements({1, 512, 2, 7, 7}), 50176);
  EXPECT_EQ(num_elements({}), 1);
  EXPECT_EQ(num_elements({3, 0}), 0);
  EXPECT_EQ(to_string(Shape{1, 512, 2}), "[1, 512, 2]");
  EXPECT_EQ(to_string(Shape{}), "[]");
}

TEST(Error, StreamsItsParts) {
  const Error error =
      error_of([] { check(false, ErrorCode::kBundle, "hop is ", 3, "; not ", 4.5); });
  EXPECT_STREQ(error.what(), "hop is 3; not 4.5");
  EXPECT_EQ(error.code(), ErrorCode::kBundle);
}

}  // namespace
}  // namespace tubecam
