// A JSON value that knows where it stands, so that every complaint names its path: "clip.mean[1]".
#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/choice.h"

namespace tubecam {

class JsonNode {
 public:
  using Json = nlohmann::json;

  JsonNode(const Json& value, std::string path) : value_(value), path_(std::move(path)) {}

  template <typename... Parts>
  [[noreturn]] void refuse(const Parts&... expected) const {
    fail(ErrorCode::kBundle, path_.empty() ? "the sidecar" : path_, " must be ", expected...,
         ", not ", excerpt());
  }

  bool has(const char* key) const { return value_.is_object() && value_.contains(key); }

  JsonNode at(const std::string& key) const {
    if (!value_.is_object()) refuse("an object");
    const auto found = value_.find(key);
    const std::string path = path_.empty() ? key : path_ + "." + key;
    check(found != value_.end(), ErrorCode::kBundle, path, " is missing");
    return {*found, path};
  }

  JsonNode operator[](size_t index) const {
    return {value_.at(index), path_ + "[" + std::to_string(index) + "]"};
  }

  // Length of an array that must hold least … most values.
  size_t array(size_t least, size_t most) const {
    const bool good = value_.is_array() && value_.size() >= least && value_.size() <= most;
    if (!good && least == most) refuse("an array of ", least, " values");
    if (!good) refuse("an array of ", least, "…", most, " values");
    return value_.size();
  }

  double number(double least, double most) const {
    const double number = value_.is_number() ? value_.get<double>() : NAN;
    if (!(number >= least && number <= most)) refuse("a number in ", least, "…", most);
    return number;
  }

  int64_t integer(int64_t least, int64_t most) const {
    const bool good = value_.is_number_integer() && value_.get<double>() >= double(least) &&
                      value_.get<double>() <= double(most);
    if (!good) refuse("a whole number in ", least, "…", most);
    return value_.get<int64_t>();
  }

  bool boolean() const {
    if (!value_.is_boolean()) refuse("true or false");
    return value_.get<bool>();
  }

  // Text of 1 … `most` bytes without control characters.
  std::string text(size_t most = 256) const {
    const auto* text = value_.get_ptr<const std::string*>();
    bool good = text && !text->empty() && text->size() <= most;
    for (size_t i = 0; good && i < text->size(); ++i)
      good = static_cast<unsigned char>((*text)[i]) >= 32;
    if (!good) refuse("text of 1…", most, " bytes without control characters");
    return *text;
  }

  // An entry of base/choice.h's tables, by its name.
  template <typename Table>
  const auto& one_of(const Table& table) const {
    const auto* found = find_choice(table, text());
    if (!found) refuse(listed(table));
    return *found;
  }

  const Json& value() const { return value_; }
  const std::string& path() const { return path_; }

 private:
  std::string excerpt() const {
    if (value_.is_structured()) return value_.is_array() ? "an array" : "an object";
    const std::string text = value_.dump(-1, ' ', true);
    return text.size() <= 60 ? text : text.substr(0, 57) + "…";
  }

  const Json& value_;
  std::string path_;
};

}  // namespace tubecam
