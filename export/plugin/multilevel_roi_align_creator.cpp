#include "multilevel_roi_align_creator.h"

#include "multilevel_roi_align_plugin.h"
#include "plugin_log.h"
#include "roi_align_attributes.h"

#include <new>

namespace leukoedge
{

char const* MultilevelRoiAlignCreator::getPluginName() const noexcept
{
    return kPLUGIN_NAME;
}

char const* MultilevelRoiAlignCreator::getPluginVersion() const noexcept
{
    return kPLUGIN_VERSION;
}

char const* MultilevelRoiAlignCreator::getPluginNamespace() const noexcept
{
    return kPLUGIN_NAMESPACE;
}

nvinfer1::PluginFieldCollection const* MultilevelRoiAlignCreator::getFieldNames() noexcept
{
    return attributeNames();
}

nvinfer1::IPluginV3* MultilevelRoiAlignCreator::createPlugin(
    char const*, nvinfer1::PluginFieldCollection const* fields, nvinfer1::TensorRTPhase) noexcept
{
    RoiAlignAttributes attributes;
    if (fields == nullptr || !readAttributes(*fields, attributes))
    {
        return nullptr;
    }
    return new (std::nothrow) MultilevelRoiAlignPlugin(attributes);
}

} // namespace leukoedge

// What TensorRT's registry looks up in a plugin library; the only symbols that leave it.
#define LEUKOEDGE_EXPORT __attribute__((visibility("default")))

extern "C" LEUKOEDGE_EXPORT nvinfer1::IPluginCreatorInterface* const* getCreators(int32_t& nbCreators) noexcept
{
    static leukoedge::MultilevelRoiAlignCreator sCreator;
    static nvinfer1::IPluginCreatorInterface* const sCREATORS[] = {&sCreator};
    nbCreators = 1;
    return sCREATORS;
}

extern "C" LEUKOEDGE_EXPORT void setLoggerFinder(nvinfer1::ILoggerFinder* finder) noexcept
{
    leukoedge::setPluginLoggerFinder(finder);
}
