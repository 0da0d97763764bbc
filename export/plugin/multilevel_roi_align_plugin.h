// The TensorRT plugin leukoedge::MultilevelRoiAlign, version 1. No arithmetic here, and no CUDA call before enqueue.
#ifndef LEUKOEDGE_MULTILEVEL_ROI_ALIGN_PLUGIN_H
#define LEUKOEDGE_MULTILEVEL_ROI_ALIGN_PLUGIN_H

#include "roi_align_attributes.h"

#include <NvInferRuntime.h>

namespace leukoedge
{

constexpr char const* kPLUGIN_NAME = "MultilevelRoiAlign";
constexpr char const* kPLUGIN_VERSION = "1";
constexpr char const* kPLUGIN_NAMESPACE = "leukoedge";

class MultilevelRoiAlignPlugin : public nvinfer1::IPluginV3,
                                 public nvinfer1::IPluginV3OneCore,
                                 public nvinfer1::IPluginV3OneBuild,
                                 public nvinfer1::IPluginV3OneRuntime
{
public:
    explicit MultilevelRoiAlignPlugin(RoiAlignAttributes const& attributes) noexcept;

    // IPluginV3
    nvinfer1::IPluginCapability* getCapabilityInterface(nvinfer1::PluginCapabilityType type) noexcept override;
    nvinfer1::IPluginV3* clone() noexcept override;

    // IPluginV3OneCore
    char const* getPluginName() const noexcept override;
    char const* getPluginVersion() const noexcept override;
    char const* getPluginNamespace() const noexcept override;

    // IPluginV3OneBuild
    int32_t getNbOutputs() const noexcept override;
    int32_t configurePlugin(nvinfer1::DynamicPluginTensorDesc const* in, int32_t nbInputs,
        nvinfer1::DynamicPluginTensorDesc const* out, int32_t nbOutputs) noexcept override;
    int32_t getOutputDataTypes(nvinfer1::DataType* outputTypes, int32_t nbOutputs, nvinfer1::DataType const* inputTypes,
        int32_t nbInputs) const noexcept override;
    int32_t getOutputShapes(nvinfer1::DimsExprs const* inputs, int32_t nbInputs, nvinfer1::DimsExprs const* shapeInputs,
        int32_t nbShapeInputs, nvinfer1::DimsExprs* outputs, int32_t nbOutputs,
        nvinfer1::IExprBuilder& exprBuilder) noexcept override;
    bool supportsFormatCombination(int32_t pos, nvinfer1::DynamicPluginTensorDesc const* inOut, int32_t nbInputs,
        int32_t nbOutputs) noexcept override;

    // IPluginV3OneRuntime
    int32_t onShapeChange(nvinfer1::PluginTensorDesc const* in, int32_t nbInputs, nvinfer1::PluginTensorDesc const* out,
        int32_t nbOutputs) noexcept override;
    int32_t enqueue(nvinfer1::PluginTensorDesc const* inputDesc, nvinfer1::PluginTensorDesc const* outputDesc,
        void const* const* inputs, void* const* outputs, void* workspace, cudaStream_t stream) noexcept override;
    nvinfer1::IPluginV3* attachToContext(nvinfer1::IPluginResourceContext* context) noexcept override;
    nvinfer1::PluginFieldCollection const* getFieldsToSerialize() noexcept override;

private:
    //! The call that these tensors describe, without pointers.
    RoiAlignCall describe(nvinfer1::PluginTensorDesc const* inputs) const noexcept;
    //! Logs one line and returns false where the node has other inputs or outputs than the attributes ask for.
    bool hasExpectedCounts(int32_t nbInputs, int32_t nbOutputs) const noexcept;

    RoiAlignAttributes mAttributes;
    nvinfer1::PluginField mFields[kNB_ATTRIBUTES];
    nvinfer1::PluginFieldCollection mFieldCollection{};
};

} // namespace leukoedge

#endif // LEUKOEDGE_MULTILEVEL_ROI_ALIGN_PLUGIN_H
