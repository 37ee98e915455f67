#include "overlay/caption/caption.h"

#include "base/error.h"
#include "base/library.h"

namespace tubecam {
namespace {

constexpr int kMinWidth = 48, kMinHeight = 32;  // smaller frames carry no text
constexpr char kLibrary[] = "libtubecam_caption.so";
constexpr char kRemedy[] = "Captions are drawn by Pango: apt install libpangocairo-1.0-0";

std::unique_ptr<CaptionDrawer> make_caption_drawer() {
  const std::string path = (own_folder() / kLibrary).string();
  check(std::filesystem::exists(path), ErrorCode::kUnavailable,
        "this build draws no captions: there is no ", path,
        ". Install Pango (apt install libpango1.0-dev) and build tubecam with "
        "-DTUBECAM_CAPTION=ON");
  auto* entry = reinterpret_cast<CaptionDrawer* (*)()>(
      load_symbol(path, "tubecam_make_caption_drawer", "library of captions", kRemedy));
  return std::unique_ptr<CaptionDrawer>(entry());
}

}  // namespace

void CaptionPainter::draw(const Frame& frame, const Caption& caption, ColorMap color_map) {
  check_frame(frame);
  if (caption.empty() || frame.width < kMinWidth || frame.height < kMinHeight) return;
  if (!drawer_) drawer_ = make_caption_drawer();
  drawer_->draw(frame, caption, color_map);
}

}  // namespace tubecam
