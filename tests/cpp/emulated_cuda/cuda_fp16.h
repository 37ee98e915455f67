// Half precision in software, rounded to nearest even.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

struct __half {
  uint16_t bits;
};

inline float __half2float(__half half) {
  const int exponent = half.bits >> 10 & 31, mantissa = half.bits & 1023;
  float value = exponent == 31 ? (mantissa ? NAN : INFINITY)
                : exponent     ? std::ldexp(1024.0f + mantissa, exponent - 25)
                               : std::ldexp(float(mantissa), -24);
  return half.bits >> 15 ? -value : value;
}

inline __half __float2half_rn(float value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const float size = std::fabs(value);
  if (std::isnan(value)) return {0x7fff};
  if (size >= 65520) return {uint16_t(sign | 0x7c00)};
  if (size == 0) return {sign};
  int exponent = 0;
  std::frexp(size, &exponent);
  const int step = exponent < -13 ? -24 : exponent - 11;  // of the last bit
  const int units = int(std::nearbyint(std::ldexp(size, -step)));
  const int bits = step == -24 ? units : ((step + 24) << 10) + units;
  return {uint16_t(sign | bits)};
}
