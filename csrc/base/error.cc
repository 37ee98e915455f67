#include "base/error.h"

#include <new>

namespace tubecam {

Error::~Error() = default;

std::string current_message() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return kNoMemory;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "it failed without giving a reason";
  }
}

}  // namespace tubecam
