#include "roi_align_host.h"

#include "half_bits.h"
#include "roi_align_check.h"

#include <cstddef>

namespace leukoedge
{
namespace
{

struct RoiTaps
{
    Tap x[kMAX_BINS * kSAMPLES];
    Tap y[kMAX_BINS * kSAMPLES];
};

float toFloat(float value) noexcept
{
    return value;
}

float toFloat(int8_t value) noexcept
{
    return static_cast<float>(value);
}

void store(float value, float& target) noexcept
{
    target = value;
}

void store(float value, HalfBits& target) noexcept
{
    target = toHalf(value);
}

void store(float value, int8_t& target) noexcept
{
    target = toInt8(value);
}

RoiTaps tapsOf(Roi const& roi, Level const& level, RoiAlignCall const& call) noexcept
{
    RoiTaps taps;
    int32_t const group = call.channelsPerGroup;
    for (int32_t i = 0; i < call.bins * kSAMPLES; ++i)
    {
        taps.x[i] = tapOf(roi.x0 / level.stride, roi.x1 / level.stride, i, call.bins, level.width, group);
        taps.y[i]
            = tapOf(roi.y0 / level.stride, roi.y1 / level.stride, i, call.bins, level.height, group * level.width);
    }
    return taps;
}

template <typename T> float poolBin(T const* channel, Tap const* y, Tap const* x) noexcept
{
    float sum = 0.F;
    for (int32_t i = 0; i < kSAMPLES; ++i)
    {
        for (int32_t j = 0; j < kSAMPLES; ++j)
        {
            T const* low = channel + y[i].offsetLow;
            T const* high = channel + y[i].offsetHigh;
            sum = accumulate(sum, y[i].weightLow * x[j].weightLow, toFloat(low[x[j].offsetLow]));
            sum = accumulate(sum, y[i].weightLow * x[j].weightHigh, toFloat(low[x[j].offsetHigh]));
            sum = accumulate(sum, y[i].weightHigh * x[j].weightLow, toFloat(high[x[j].offsetLow]));
            sum = accumulate(sum, y[i].weightHigh * x[j].weightHigh, toFloat(high[x[j].offsetHigh]));
        }
    }
    return sum;
}

template <typename T> void poolRoi(RoiAlignCall const& call, int32_t index) noexcept
{
    float const* box = call.rois + std::ptrdiff_t{index} * 4;
    Roi const roi{box[0], box[1], box[2], box[3]};
    Level const& level = call.levels[levelOf(roi, call)];
    RoiTaps const taps = tapsOf(roi, level, call);
    int32_t const group = call.channelsPerGroup;
    int32_t const padded = paddedChannels(call.channels, group);
    int32_t const cells = call.bins * call.bins;
    T* const output = static_cast<T*>(call.output) + std::ptrdiff_t{index} * padded * cells;
    for (int32_t channel = 0; channel < padded; ++channel)
    {
        T const* const source
            = static_cast<T const*>(level.data) + channelOffset(channel, level.height * level.width, group);
        T* const target = output + channelOffset(channel, cells, group);
        for (int32_t bin = 0; bin < cells; ++bin)
        {
            Tap const* const y = taps.y + bin / call.bins * kSAMPLES;
            Tap const* const x = taps.x + bin % call.bins * kSAMPLES;
            store(poolBin(source, y, x), target[bin * group]);
        }
    }
}

template <typename T> void poolAll(RoiAlignCall const& call) noexcept
{
    for (int32_t i = 0; i < call.nbRois; ++i)
    {
        poolRoi<T>(call, i);
    }
}

} // namespace
} // namespace leukoedge

int32_t leukoedgeRoiAlignHost(leukoedge::RoiAlignCall const* call, char* fault, int32_t faultSize) noexcept
{
    if (!leukoedge::isValid(*call, fault, static_cast<std::size_t>(faultSize)))
    {
        return 1;
    }
    switch (call->type)
    {
    case leukoedge::ElementType::kFLOAT:
        leukoedge::poolAll<float>(*call);
        break;
    case leukoedge::ElementType::kHALF:
        leukoedge::poolAll<leukoedge::HalfBits>(*call);
        break;
    case leukoedge::ElementType::kINT8:
        leukoedge::poolAll<int8_t>(*call);
        break;
    }
    return 0;
}
