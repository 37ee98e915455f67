// Upstream whose frames lie in memory that is not read here: what the elements say.
#include "support/gst_fixture.h"

namespace tubecam::testing {
namespace {

std::string caps_in(const std::string& feature) {
  return "video/x-raw(" + feature + "),format=NV12,width=64,height=48,framerate=30/1";
}

bool offers(const char* element, const char* feature) {
  GstElementFactory* factory = gst_element_factory_find(element);
  const auto* pads = gst_element_factory_get_static_pad_templates(factory);
  bool found = false;
  for (; pads; pads = pads->next) {
    const auto* pad = static_cast<const GstStaticPadTemplate*>(pads->data);
    found |= std::string(pad->static_caps.string).find(feature) != std::string::npos;
  }
  gst_object_unref(factory);
  return found;
}

class Memory : public ::testing::TestWithParam<const char*> {
 protected:
  void skip_when_built(const char* feature) {
    if (offers(GetParam(), feature)) GTEST_SKIP() << "this build reads " << feature;
  }
  // The error that upstream gets when it sends such caps.
  std::string refusal(const char* feature) {
    Rig rig(GetParam());
    gst_harness_set_src_caps_str(rig.harness(), caps_in(feature).c_str());
    const auto errors = rig.messages(GST_MESSAGE_ERROR);
    EXPECT_EQ(errors.size(), 1u) << feature;
    return errors.empty() ? "" : errors[0];
  }
};

TEST_P(Memory, ThatIsAnOptionOfTheBuildNamesTheOption) {
  skip_when_built("memory:NVMM");
  const std::string nvmm = refusal("memory:NVMM");
  for (const char* word : {"memory:NVMM", "without TUBECAM_NVMM=ON", "-DTUBECAM_NVMM=ON",
                           "nvvideoconvert or nvvidconv before", GetParam()})
    EXPECT_NE(nvmm.find(word), std::string::npos) << nvmm;
  skip_when_built("memory:CUDAMemory");
  const std::string cuda = refusal("memory:CUDAMemory");
  for (const char* word : {"without TUBECAM_GST_CUDA=ON", "cudadownload before"})
    EXPECT_NE(cuda.find(word), std::string::npos) << cuda;
}

TEST_P(Memory, ThatIsUnknownIsNamed) {
  const std::string text = refusal("memory:GLMemory");
  EXPECT_NE(text.find("memory:GLMemory"), std::string::npos) << text;
  EXPECT_NE(text.find("gldownload"), std::string::npos) << text;
  EXPECT_EQ(text.find("TUBECAM_"), std::string::npos) << text;
}

TEST_P(Memory, AQuestionThatOnlySuchMemoryIsAskedInIsAnsweredWithAHint) {
  skip_when_built("memory:NVMM");
  Rig rig(GetParam());
  GstPad* pad = GST_PAD_PEER(rig.harness()->srcpad);
  GstCaps* filter = gst_caps_from_string(caps_in("memory:NVMM").c_str());
  GstCaps* answer = gst_pad_query_caps(pad, filter);
  EXPECT_TRUE(gst_caps_is_empty(answer));
  gst_caps_unref(answer);
  const auto warnings = rig.messages(GST_MESSAGE_WARNING);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("TUBECAM_NVMM=ON"), std::string::npos) << warnings[0];
  // One that may give system memory as well needs no hint.
  GstCaps* both = gst_caps_from_string((caps_in("memory:NVMM") + "; video/x-raw").c_str());
  answer = gst_pad_query_caps(pad, both);
  EXPECT_FALSE(gst_caps_is_empty(answer));
  gst_caps_unref(answer);
  gst_caps_unref(both);
  gst_caps_unref(filter);
  EXPECT_TRUE(rig.messages(GST_MESSAGE_WARNING).empty());
  EXPECT_TRUE(rig.messages(GST_MESSAGE_ERROR).empty());
}

TEST_P(Memory, AskedAndThenSentIsAnErrorAllTheSame) {
  skip_when_built("memory:NVMM");
  Rig rig(GetParam());
  GstCaps* caps = gst_caps_from_string(caps_in("memory:NVMM").c_str());
  gst_caps_unref(gst_pad_query_caps(GST_PAD_PEER(rig.harness()->srcpad), caps));
  gst_harness_set_src_caps(rig.harness(), caps);
  EXPECT_EQ(rig.messages(GST_MESSAGE_ERROR).size(), 1u);
}

TEST_P(Memory, SystemMemoryByNameIsTaken) {
  Rig rig(GetParam());
  gst_harness_set_src_caps_str(rig.harness(), caps_in("memory:SystemMemory").c_str());
  EXPECT_TRUE(rig.messages(GST_MESSAGE_ERROR).empty());
}

INSTANTIATE_TEST_SUITE_P(Both, Memory, ::testing::Values("tubecam", "tubeoverlay"));

}  // namespace
}  // namespace tubecam::testing
