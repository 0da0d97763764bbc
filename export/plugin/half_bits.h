// IEEE float16 on a host without a type for it.
#ifndef LEUKOEDGE_HALF_BITS_H
#define LEUKOEDGE_HALF_BITS_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace leukoedge
{

//! A float16 in memory.
struct HalfBits
{
    uint16_t bits;
};

inline float toFloat(HalfBits half) noexcept
{
    uint32_t const sign = static_cast<uint32_t>(half.bits & 0x8000U) << 16U;
    uint32_t const exponent = (half.bits >> 10U) & 0x1FU;
    uint32_t const mantissa = half.bits & 0x3FFU;
    if (exponent == 0U) // zero and subnormals: mantissa * 2^-24, exact in float32
    {
        float const magnitude = std::ldexp(static_cast<float>(mantissa), -24);
        return sign != 0U ? -magnitude : magnitude;
    }
    // infinity and NaN keep all exponent bits set; the rest moves from bias 15 to bias 127
    uint32_t const wide = exponent == 0x1FU ? 0xFFU : exponent + 112U;
    uint32_t const bits = sign | (wide << 23U) | (mantissa << 13U);
    float value = 0.F;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
}

//! Nearest, ties to even, overflow to infinity.
inline HalfBits toHalf(float value) noexcept
{
    uint32_t bits = 0U;
    std::memcpy(&bits, &value, sizeof(bits));
    auto const sign = static_cast<uint16_t>((bits >> 16U) & 0x8000U);
    uint32_t const magnitude = bits & 0x7FFFFFFFU;
    if (magnitude > 0x7F800000U)
    {
        return HalfBits{static_cast<uint16_t>(sign | 0x7E00U)};
    }
    if (magnitude >= 0x477FF000U) // 65520, halfway between the largest float16 and the next power of two
    {
        return HalfBits{static_cast<uint16_t>(sign | 0x7C00U)};
    }
    if (magnitude < 0x38800000U) // below 2^-14: a multiple of 2^-24
    {
        auto const steps = static_cast<uint16_t>(std::rint(std::ldexp(std::fabs(value), 24)));
        return HalfBits{static_cast<uint16_t>(sign | steps)};
    }
    uint32_t const rounded = magnitude + 0xFFFU + ((magnitude >> 13U) & 1U);
    return HalfBits{static_cast<uint16_t>(sign | ((rounded - 0x38000000U) >> 13U))};
}

} // namespace leukoedge

#endif // LEUKOEDGE_HALF_BITS_H
