#include "roi_align_check.h"

#include <cmath>
#include <cstdio>
#include <limits>

namespace leukoedge
{
namespace
{

int32_t elementsPerLoad(ElementType type) noexcept
{
    switch (type)
    {
    case ElementType::kFLOAT:
        return 4;
    case ElementType::kHALF:
        return 8;
    case ElementType::kINT8:
        return 16;
    }
    return 0;
}

bool hasValidSettings(RoiAlignCall const& call, char* fault, std::size_t size) noexcept
{
    if (call.nbLevels < 1 || call.nbLevels > kMAX_LEVELS)
    {
        std::snprintf(fault, size, "%d levels were given, 1 to %d are expected", call.nbLevels, kMAX_LEVELS);
    }
    else if (call.bins < 1 || call.bins > kMAX_BINS)
    {
        std::snprintf(fault, size, "bins is %d, 1 to %d are expected", call.bins, kMAX_BINS);
    }
    else if (!(call.canonicalSize > 0.F) || std::isinf(call.canonicalSize))
    {
        std::snprintf(fault, size, "canonical_size is %g, a positive number of px is expected",
            static_cast<double>(call.canonicalSize));
    }
    else
    {
        return true;
    }
    return false;
}

bool hasValidLayout(RoiAlignCall const& call, char* fault, std::size_t size) noexcept
{
    int32_t const load = elementsPerLoad(call.type);
    int32_t const group = call.channelsPerGroup;
    if (load == 0)
    {
        std::snprintf(fault, size, "features have type %d, float32, float16 or int8 are expected",
            static_cast<int32_t>(call.type));
    }
    else if (group != 1 && (group < 1 || group % load != 0))
    {
        std::snprintf(fault, size, "channels lie in groups of %d, 1 or a multiple of %d is expected", group, load);
    }
    else
    {
        return true;
    }
    return false;
}

bool hasValidSizes(RoiAlignCall const& call, char* fault, std::size_t size) noexcept
{
    if (call.channels < 1 || call.nbRois < 0)
    {
        std::snprintf(fault, size, "%d channels and %d ROIs were given, at least 1 and 0 are expected", call.channels,
            call.nbRois);
        return false;
    }
    // offsets within one level are 32-bit
    int64_t const padded
        = (int64_t{call.channels} + call.channelsPerGroup - 1) / call.channelsPerGroup * call.channelsPerGroup;
    for (int32_t i = 0; i < call.nbLevels; ++i)
    {
        Level const& level = call.levels[i];
        if (level.height < 1 || level.width < 1
            || int64_t{level.height} * level.width > std::numeric_limits<int32_t>::max() / padded)
        {
            std::snprintf(fault, size, "level %d is %d x %d cells of %d channels, 1 to 2^31 - 1 elements are expected",
                i, level.height, level.width, call.channels);
            return false;
        }
        if (!(level.stride > 0.F) || std::isinf(level.stride))
        {
            std::snprintf(fault, size, "the stride of level %d is %g, a positive number of px is expected", i,
                static_cast<double>(level.stride));
            return false;
        }
    }
    return true;
}

} // namespace

bool isValid(RoiAlignCall const& call, char* fault, std::size_t faultSize) noexcept
{
    return hasValidSettings(call, fault, faultSize) && hasValidLayout(call, fault, faultSize)
           && hasValidSizes(call, fault, faultSize);
}

} // namespace leukoedge
