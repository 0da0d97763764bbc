// Makes the plugin from the attributes of a node or of a plan.
#ifndef LEUKOEDGE_MULTILEVEL_ROI_ALIGN_CREATOR_H
#define LEUKOEDGE_MULTILEVEL_ROI_ALIGN_CREATOR_H

#include <NvInferRuntime.h>

namespace leukoedge
{

class MultilevelRoiAlignCreator : public nvinfer1::IPluginCreatorV3One
{
public:
    char const* getPluginName() const noexcept override;
    char const* getPluginVersion() const noexcept override;
    char const* getPluginNamespace() const noexcept override;
    nvinfer1::PluginFieldCollection const* getFieldNames() noexcept override;
    nvinfer1::IPluginV3* createPlugin(char const* name, nvinfer1::PluginFieldCollection const* fields,
        nvinfer1::TensorRTPhase phase) noexcept override;
};

} // namespace leukoedge

#endif // LEUKOEDGE_MULTILEVEL_ROI_ALIGN_CREATOR_H
