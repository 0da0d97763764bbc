// The arithmetic of multi-level RoIAlign, compiled for the host and for the device; nothing else here computes.
//
// The definition is train/model/roi_align.py: aligned, two samples per bin and axis, float32 coordinates. The file that
// includes this is compiled without contraction of a * b + c, so that host and device round coordinates alike.
#ifndef LEUKOEDGE_ROI_ALIGN_H
#define LEUKOEDGE_ROI_ALIGN_H

#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define LEUKOEDGE_HOST_DEVICE __host__ __device__
#else
#define LEUKOEDGE_HOST_DEVICE
#endif

namespace leukoedge
{

constexpr int32_t kMAX_LEVELS = 8;
constexpr int32_t kMAX_BINS = 32;
//! Samples per bin and axis.
constexpr int32_t kSAMPLES = 2;
//! Lifts an ROI whose size is exactly a power of two over the border of its level, whatever log2 rounds to.
constexpr float kLEVEL_EPSILON = 1e-6F;

//! Numbered as nvinfer1::DataType.
enum class ElementType : int32_t
{
    kFLOAT = 0,
    kHALF = 1,
    kINT8 = 2,
};

struct Level
{
    void const* data;
    int32_t height;
    int32_t width;
    float stride; //!< network px per cell
};

//! Box in network px.
struct Roi
{
    float x0;
    float y0;
    float x1;
    float y1;
};

//! One pooling of all ROIs from all levels, batch 1. Plain data: a kernel parameter, and what ctypes passes.
struct RoiAlignCall
{
    Level levels[kMAX_LEVELS]; //!< finest first
    int32_t nbLevels;
    int32_t channels;
    //! Layout of features and output: channels that lie side by side in one cell (see elementOffset).
    int32_t channelsPerGroup;
    ElementType type; //!< of features and output
    int32_t nbRois;
    int32_t bins;
    int32_t firstLevel;
    int32_t canonicalLevel;
    float canonicalSize; //!< px of the ROI that reads canonicalLevel
    float const* rois;   //!< [nbRois, 4], x0 y0 x1 y1 in network px
    void* output;        //!< [nbRois, channels, bins, bins]
};

//! Where one sample reads along one axis (offsets in elements) and with which weight.
struct alignas(16) Tap
{
    int32_t offsetLow;
    int32_t offsetHigh;
    float weightLow;
    float weightHigh;
};

//! Channels in memory: the last group is padded.
LEUKOEDGE_HOST_DEVICE inline int32_t paddedChannels(int32_t channels, int32_t channelsPerGroup)
{
    return (channels + channelsPerGroup - 1) / channelsPerGroup * channelsPerGroup;
}

//! Offset of a channel in cell 0 of a picture of so many cells; cell n lies n * channelsPerGroup elements further.
//!
//! Every layout is [C / G][cells][G]: linear has G = 1, CHW32 has G = 32, HWC has all (padded) channels in one group.
LEUKOEDGE_HOST_DEVICE inline int32_t channelOffset(int32_t channel, int32_t cells, int32_t channelsPerGroup)
{
    return channel / channelsPerGroup * cells * channelsPerGroup + channel % channelsPerGroup;
}

//! Index into call.levels that the ROI reads. Empty and inverted ROIs and NaN read the finest level.
LEUKOEDGE_HOST_DEVICE inline int32_t levelOf(Roi const& roi, RoiAlignCall const& call)
{
    float const width = roi.x1 - roi.x0;
    float const height = roi.y1 - roi.y0;
    // comparisons are written so that NaN survives until the last one, which it fails
    float const area = (width < 0.F ? 0.F : width) * (height < 0.F ? 0.F : height);
    float const ratio = sqrtf(area) / call.canonicalSize;
    float const octave
        = log2f(ratio < 1e-6F ? 1e-6F : ratio) + static_cast<float>(call.canonicalLevel) + kLEVEL_EPSILON;
    float const index = floorf(octave) - static_cast<float>(call.firstLevel);
    if (!(index > 0.F))
    {
        return 0;
    }
    return index >= static_cast<float>(call.nbLevels) ? call.nbLevels - 1 : static_cast<int32_t>(index);
}

//! The tap of one sample.
//!
//! \param low, high the ROI's ends along the axis, in cells
//! \param sample 0 .. bins * kSAMPLES - 1
//! \param length cells of the level along the axis
//! \param step elements from one cell to the next along the axis
LEUKOEDGE_HOST_DEVICE inline Tap tapOf(
    float low, float high, int32_t sample, int32_t bins, int32_t length, int32_t step)
{
    float const position = (static_cast<float>(sample) + 0.5F) / static_cast<float>(bins * kSAMPLES);
    float const at = low + position * (high - low) - 0.5F;
    float const last = static_cast<float>(length - 1);
    if (!(at >= -1.F && at <= static_cast<float>(length))) // NaN too
    {
        return Tap{0, 0, 0.F, 0.F};
    }
    float const inside = at < 0.F ? 0.F : (at > last ? last : at);
    float const below = floorf(inside);
    float const fraction = inside - below;
    int32_t const cell = static_cast<int32_t>(below);
    int32_t const next = cell + 1 < length ? cell + 1 : length - 1;
    float const share = 1.F / static_cast<float>(kSAMPLES);
    return Tap{cell * step, next * step, (1.F - fraction) * share, fraction * share};
}

//! sum + weight * value; on the device one rounding instead of two.
LEUKOEDGE_HOST_DEVICE inline float accumulate(float sum, float weight, float value)
{
#ifdef __CUDA_ARCH__
    return fmaf(weight, value, sum);
#else
    return sum + weight * value;
#endif
}

//! Nearest integer, ties to even, saturated; NaN gives 0.
LEUKOEDGE_HOST_DEVICE inline int8_t toInt8(float value)
{
    float const rounded = rintf(value);
    if (!(rounded >= -128.F))
    {
        return rounded < -128.F ? static_cast<int8_t>(-128) : static_cast<int8_t>(0);
    }
    return rounded > 127.F ? static_cast<int8_t>(127) : static_cast<int8_t>(rounded);
}

} // namespace leukoedge

#endif // LEUKOEDGE_ROI_ALIGN_H
