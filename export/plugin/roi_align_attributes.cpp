#include "roi_align_attributes.h"

#include "plugin_log.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace leukoedge
{
namespace
{

using nvinfer1::PluginField;
using nvinfer1::PluginFieldCollection;
using nvinfer1::PluginFieldType;

PluginField const* find(PluginFieldCollection const& fields, char const* name) noexcept
{
    PluginField const* found = nullptr;
    for (int32_t i = 0; i < fields.nbFields; ++i)
    {
        if (fields.fields[i].name == nullptr || std::strcmp(fields.fields[i].name, name) != 0)
        {
            continue;
        }
        if (found != nullptr)
        {
            logError("the attribute '%s' is given twice", name);
            return nullptr;
        }
        found = &fields.fields[i];
    }
    if (found == nullptr || found->data == nullptr)
    {
        logError("the attribute '%s' is missing", name);
        return nullptr;
    }
    return found;
}

bool readInts(PluginFieldCollection const& fields, char const* name, int32_t* values, int32_t& count) noexcept
{
    PluginField const* const field = find(fields, name);
    if (field == nullptr)
    {
        return false;
    }
    if (field->length < 1 || field->length > count)
    {
        logError("the attribute '%s' holds %d values, 1 to %d are expected", name, field->length, count);
        return false;
    }
    count = field->length;
    for (int32_t i = 0; i < count; ++i)
    {
        int64_t value = 0;
        if (field->type == PluginFieldType::kINT32)
        {
            value = static_cast<int32_t const*>(field->data)[i];
        }
        else if (field->type == PluginFieldType::kINT64)
        {
            value = static_cast<int64_t const*>(field->data)[i];
        }
        else
        {
            logError(
                "the attribute '%s' has field type %d, integers are expected", name, static_cast<int32_t>(field->type));
            return false;
        }
        if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max())
        {
            logError("the attribute '%s' is %lld, a 32-bit integer is expected", name, static_cast<long long>(value));
            return false;
        }
        values[i] = static_cast<int32_t>(value);
    }
    return true;
}

bool readInt(PluginFieldCollection const& fields, char const* name, int32_t& value) noexcept
{
    int32_t count = 1;
    return readInts(fields, name, &value, count);
}

bool readFloat(PluginFieldCollection const& fields, char const* name, float& value) noexcept
{
    PluginField const* const field = find(fields, name);
    if (field == nullptr)
    {
        return false;
    }
    if (field->type != PluginFieldType::kFLOAT32 || field->length != 1)
    {
        logError("the attribute '%s' has field type %d and %d values, one float32 is expected", name,
            static_cast<int32_t>(field->type), field->length);
        return false;
    }
    value = *static_cast<float const*>(field->data);
    return true;
}

bool areInRange(RoiAlignAttributes const& attributes) noexcept
{
    for (int32_t i = 0; i < attributes.nbLevels; ++i)
    {
        if (attributes.strides[i] < 1)
        {
            logError("strides[%d] is %d, a positive number of px is expected", i, attributes.strides[i]);
            return false;
        }
    }
    if (attributes.bins < 1 || attributes.bins > kMAX_BINS)
    {
        logError("bins is %d, 1 to %d are expected", attributes.bins, kMAX_BINS);
    }
    else if (attributes.samplingRatio != kSAMPLES)
    {
        logError("sampling_ratio is %d, only %d is implemented", attributes.samplingRatio, kSAMPLES);
    }
    else if (!(attributes.canonicalSize > 0.F) || std::isinf(attributes.canonicalSize))
    {
        logError(
            "canonical_size is %g, a positive number of px is expected", static_cast<double>(attributes.canonicalSize));
    }
    else
    {
        return true;
    }
    return false;
}

} // namespace

PluginFieldCollection const* attributeNames() noexcept
{
    static PluginField const sFIELDS[kNB_ATTRIBUTES] = {
        PluginField{"strides", nullptr, PluginFieldType::kINT32, kMAX_LEVELS},
        PluginField{"first_level", nullptr, PluginFieldType::kINT32, 1},
        PluginField{"canonical_level", nullptr, PluginFieldType::kINT32, 1},
        PluginField{"canonical_size", nullptr, PluginFieldType::kFLOAT32, 1},
        PluginField{"bins", nullptr, PluginFieldType::kINT32, 1},
        PluginField{"sampling_ratio", nullptr, PluginFieldType::kINT32, 1},
    };
    static PluginFieldCollection const sCOLLECTION{kNB_ATTRIBUTES, sFIELDS};
    return &sCOLLECTION;
}

bool readAttributes(PluginFieldCollection const& fields, RoiAlignAttributes& attributes) noexcept
{
    attributes.nbLevels = kMAX_LEVELS;
    return readInts(fields, "strides", attributes.strides, attributes.nbLevels)
           && readInt(fields, "first_level", attributes.firstLevel)
           && readInt(fields, "canonical_level", attributes.canonicalLevel)
           && readFloat(fields, "canonical_size", attributes.canonicalSize) && readInt(fields, "bins", attributes.bins)
           && readInt(fields, "sampling_ratio", attributes.samplingRatio) && areInRange(attributes);
}

void writeAttributes(RoiAlignAttributes const& attributes, PluginField (&fields)[kNB_ATTRIBUTES]) noexcept
{
    fields[0] = PluginField{"strides", attributes.strides, PluginFieldType::kINT32, attributes.nbLevels};
    fields[1] = PluginField{"first_level", &attributes.firstLevel, PluginFieldType::kINT32, 1};
    fields[2] = PluginField{"canonical_level", &attributes.canonicalLevel, PluginFieldType::kINT32, 1};
    fields[3] = PluginField{"canonical_size", &attributes.canonicalSize, PluginFieldType::kFLOAT32, 1};
    fields[4] = PluginField{"bins", &attributes.bins, PluginFieldType::kINT32, 1};
    fields[5] = PluginField{"sampling_ratio", &attributes.samplingRatio, PluginFieldType::kINT32, 1};
}

} // namespace leukoedge
