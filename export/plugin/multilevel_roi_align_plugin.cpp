#include "multilevel_roi_align_plugin.h"

#include "plugin_log.h"
#include "roi_align_check.h"
#include "roi_align_kernel.h"

#include <new>

namespace leukoedge
{
namespace
{

using nvinfer1::DataType;
using nvinfer1::DynamicPluginTensorDesc;
using nvinfer1::PluginTensorDesc;
using nvinfer1::TensorFormat;

bool isLevelShape(nvinfer1::Dims const& dims) noexcept
{
    return dims.nbDims == 4 && dims.d[0] == 1;
}

bool isFeatureFormat(PluginTensorDesc const& desc) noexcept
{
    switch (desc.type)
    {
    case DataType::kFLOAT:
        // unpadded: loads of four channels must fit
        return desc.format == TensorFormat::kLINEAR
               || (desc.format == TensorFormat::kHWC && isLevelShape(desc.dims) && desc.dims.d[1] % 4 == 0);
    case DataType::kHALF:
        return desc.format == TensorFormat::kLINEAR || desc.format == TensorFormat::kHWC8
               || desc.format == TensorFormat::kHWC16;
    case DataType::kINT8:
        return desc.format == TensorFormat::kLINEAR || desc.format == TensorFormat::kHWC16
               || desc.format == TensorFormat::kCHW32;
    default:
        return false;
    }
}

int32_t channelsPerGroup(TensorFormat format, int32_t channels) noexcept
{
    switch (format)
    {
    case TensorFormat::kHWC:
        return channels;
    case TensorFormat::kHWC8:
        return paddedChannels(channels, 8);
    case TensorFormat::kHWC16:
        return paddedChannels(channels, 16);
    case TensorFormat::kCHW32:
        return 32;
    default:
        return 1;
    }
}

bool isRoiShape(nvinfer1::Dims const& dims) noexcept
{
    return dims.nbDims == 2 && dims.d[1] == 4;
}

//! Whether a dimension known at build time is something else than expected.
bool contradicts(nvinfer1::IDimensionExpr const* dimension, int64_t expected) noexcept
{
    return dimension->isConstant() && dimension->getConstantValue() != expected;
}

} // namespace

MultilevelRoiAlignPlugin::MultilevelRoiAlignPlugin(RoiAlignAttributes const& attributes) noexcept
    : mAttributes(attributes)
{
}

nvinfer1::IPluginCapability* MultilevelRoiAlignPlugin::getCapabilityInterface(
    nvinfer1::PluginCapabilityType type) noexcept
{
    switch (type)
    {
    case nvinfer1::PluginCapabilityType::kCORE:
        return static_cast<nvinfer1::IPluginV3OneCore*>(this);
    case nvinfer1::PluginCapabilityType::kBUILD:
        return static_cast<nvinfer1::IPluginV3OneBuild*>(this);
    case nvinfer1::PluginCapabilityType::kRUNTIME:
        return static_cast<nvinfer1::IPluginV3OneRuntime*>(this);
    }
    return nullptr;
}

nvinfer1::IPluginV3* MultilevelRoiAlignPlugin::clone() noexcept
{
    // not a copy: the fields point into the object that made them
    return new (std::nothrow) MultilevelRoiAlignPlugin(mAttributes);
}

char const* MultilevelRoiAlignPlugin::getPluginName() const noexcept
{
    return kPLUGIN_NAME;
}

char const* MultilevelRoiAlignPlugin::getPluginVersion() const noexcept
{
    return kPLUGIN_VERSION;
}

char const* MultilevelRoiAlignPlugin::getPluginNamespace() const noexcept
{
    return kPLUGIN_NAMESPACE;
}

int32_t MultilevelRoiAlignPlugin::getNbOutputs() const noexcept
{
    return 1;
}

int32_t MultilevelRoiAlignPlugin::configurePlugin(
    DynamicPluginTensorDesc const*, int32_t nbInputs, DynamicPluginTensorDesc const*, int32_t nbOutputs) noexcept
{
    return hasExpectedCounts(nbInputs, nbOutputs) ? 0 : 1;
}

int32_t MultilevelRoiAlignPlugin::getOutputDataTypes(
    DataType* outputTypes, int32_t nbOutputs, DataType const* inputTypes, int32_t nbInputs) const noexcept
{
    if (!hasExpectedCounts(nbInputs, nbOutputs))
    {
        return 1;
    }
    outputTypes[0] = inputTypes[0];
    return 0;
}

int32_t MultilevelRoiAlignPlugin::getOutputShapes(nvinfer1::DimsExprs const* inputs, int32_t nbInputs,
    nvinfer1::DimsExprs const*, int32_t, nvinfer1::DimsExprs* outputs, int32_t nbOutputs,
    nvinfer1::IExprBuilder& exprBuilder) noexcept
{
    if (!hasExpectedCounts(nbInputs, nbOutputs))
    {
        return 1;
    }
    for (int32_t i = 0; i < mAttributes.nbLevels; ++i)
    {
        if (inputs[i].nbDims != 4 || contradicts(inputs[i].d[0], 1))
        {
            logError("input %d is not [1, C, H, W]", i);
            return 1;
        }
        if (inputs[0].d[1]->isConstant() && contradicts(inputs[i].d[1], inputs[0].d[1]->getConstantValue()))
        {
            logError("input %d has other channels than input 0", i);
            return 1;
        }
    }
    nvinfer1::DimsExprs const& rois = inputs[mAttributes.nbLevels];
    if (rois.nbDims != 2 || contradicts(rois.d[1], 4))
    {
        logError("the last input is not [R, 4] (x0 y0 x1 y1)");
        return 1;
    }
    outputs[0].nbDims = 4;
    outputs[0].d[0] = rois.d[0];
    outputs[0].d[1] = inputs[0].d[1];
    outputs[0].d[2] = exprBuilder.constant(mAttributes.bins);
    outputs[0].d[3] = exprBuilder.constant(mAttributes.bins);
    return 0;
}

bool MultilevelRoiAlignPlugin::supportsFormatCombination(
    int32_t pos, DynamicPluginTensorDesc const* inOut, int32_t nbInputs, int32_t nbOutputs) noexcept
{
    if (!hasExpectedCounts(nbInputs, nbOutputs))
    {
        return false;
    }
    PluginTensorDesc const& desc = inOut[pos].desc;
    if (pos == 0)
    {
        return isFeatureFormat(desc);
    }
    if (pos == mAttributes.nbLevels)
    {
        return desc.type == DataType::kFLOAT && desc.format == TensorFormat::kLINEAR;
    }
    // the other levels and the output are as the first level is
    return desc.type == inOut[0].desc.type && desc.format == inOut[0].desc.format;
}

int32_t MultilevelRoiAlignPlugin::onShapeChange(
    PluginTensorDesc const* in, int32_t nbInputs, PluginTensorDesc const*, int32_t nbOutputs) noexcept
{
    if (!hasExpectedCounts(nbInputs, nbOutputs))
    {
        return 1;
    }
    for (int32_t i = 0; i < mAttributes.nbLevels; ++i)
    {
        if (!isLevelShape(in[i].dims) || in[i].dims.d[1] != in[0].dims.d[1])
        {
            logError("input %d is not [1, C, H, W] with the channels of input 0", i);
            return 1;
        }
    }
    if (!isRoiShape(in[mAttributes.nbLevels].dims))
    {
        logError("the last input is not [R, 4] (x0 y0 x1 y1)");
        return 1;
    }
    char fault[256];
    if (!isValid(describe(in), fault, sizeof(fault)))
    {
        logError("%s", fault);
        return 1;
    }
    return 0;
}

int32_t MultilevelRoiAlignPlugin::enqueue(PluginTensorDesc const* inputDesc, PluginTensorDesc const*,
    void const* const* inputs, void* const* outputs, void*, cudaStream_t stream) noexcept
{
    RoiAlignCall call = describe(inputDesc);
    for (int32_t i = 0; i < call.nbLevels; ++i)
    {
        call.levels[i].data = inputs[i];
    }
    call.rois = static_cast<float const*>(inputs[call.nbLevels]);
    call.output = outputs[0];
    cudaError_t const status = launchRoiAlign(call, stream);
    if (status != cudaSuccess)
    {
        logError("the kernel did not start: CUDA error %d", static_cast<int32_t>(status));
        return 1;
    }
    return 0;
}

nvinfer1::IPluginV3* MultilevelRoiAlignPlugin::attachToContext(nvinfer1::IPluginResourceContext*) noexcept
{
    return clone();
}

nvinfer1::PluginFieldCollection const* MultilevelRoiAlignPlugin::getFieldsToSerialize() noexcept
{
    writeAttributes(mAttributes, mFields);
    mFieldCollection = {kNB_ATTRIBUTES, mFields};
    return &mFieldCollection;
}

RoiAlignCall MultilevelRoiAlignPlugin::describe(PluginTensorDesc const* inputs) const noexcept
{
    RoiAlignCall call{};
    call.nbLevels = mAttributes.nbLevels;
    for (int32_t i = 0; i < call.nbLevels; ++i)
    {
        nvinfer1::Dims const& dims = inputs[i].dims;
        call.levels[i] = Level{nullptr, static_cast<int32_t>(dims.d[2]), static_cast<int32_t>(dims.d[3]),
            static_cast<float>(mAttributes.strides[i])};
    }
    call.channels = static_cast<int32_t>(inputs[0].dims.d[1]);
    call.channelsPerGroup = channelsPerGroup(inputs[0].format, call.channels);
    call.type = static_cast<ElementType>(inputs[0].type);
    call.nbRois = static_cast<int32_t>(inputs[call.nbLevels].dims.d[0]);
    call.bins = mAttributes.bins;
    call.firstLevel = mAttributes.firstLevel;
    call.canonicalLevel = mAttributes.canonicalLevel;
    call.canonicalSize = mAttributes.canonicalSize;
    return call;
}

bool MultilevelRoiAlignPlugin::hasExpectedCounts(int32_t nbInputs, int32_t nbOutputs) const noexcept
{
    if (nbInputs == mAttributes.nbLevels + 1 && nbOutputs == 1)
    {
        return true;
    }
    logError("%d inputs and %d outputs were given, %d levels (one per stride) and the ROIs, and 1 output are expected",
        nbInputs, nbOutputs, mAttributes.nbLevels);
    return false;
}

} // namespace leukoedge
