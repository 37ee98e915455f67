// The plugin within this process, built for every kind of memory; see device_memory/.
#include <gst/gst.h>
#include <gtest/gtest.h>

extern "C" void gst_plugin_tubecam_register(void);

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  gst_plugin_tubecam_register();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
