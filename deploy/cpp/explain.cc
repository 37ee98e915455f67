// Explains two seconds of a moving square: ./explain PREFIX/share/tubecam/engines/motion
#include <tubecam/explain/explainer.h>

#include <algorithm>
#include <cstdio>

int main(int count, char** arguments) try {
  tubecam::Explainer explainer(count > 1 ? arguments[1] : "engines/motion");
  std::vector<uint8_t> pixels(320 * 240 * 3);
  tubecam::Frame frame;  // whatever a camera or a decoder gives
  frame.width = 320, frame.height = 240, frame.stride[0] = 320 * 3, frame.plane[0] = pixels.data();
  for (int i = 0; i < 60; ++i) {
    std::fill(pixels.begin(), pixels.end(), uint8_t{60});
    for (int y = 100; y < 140; ++y)
      std::fill_n(&pixels[3 * (320 * y + 3 * i)], 3 * 40, uint8_t{220});
    if (const auto found = explainer.push(frame, i * 33'333'333LL))
      std::printf("%s %.2f at %.2f %.2f\n", found->label.c_str(), found->score, found->peak_point.x,
                  found->peak_point.y);
  }
} catch (const tubecam::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
