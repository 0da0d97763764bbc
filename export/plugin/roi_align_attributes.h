// The attributes of the node leukoedge::MultilevelRoiAlign, as ONNX, TensorRT's parser and the plan carry them.
#ifndef LEUKOEDGE_ROI_ALIGN_ATTRIBUTES_H
#define LEUKOEDGE_ROI_ALIGN_ATTRIBUTES_H

#include "roi_align.h"

#include <NvInferRuntime.h>

namespace leukoedge
{

constexpr int32_t kNB_ATTRIBUTES = 6;

struct RoiAlignAttributes
{
    int32_t strides[kMAX_LEVELS]{};
    int32_t nbLevels{0};
    int32_t firstLevel{0};
    int32_t canonicalLevel{0};
    float canonicalSize{0.F};
    int32_t bins{0};
    int32_t samplingRatio{0};
};

//! Name and type of each attribute, without data: what a creator declares.
nvinfer1::PluginFieldCollection const* attributeNames() noexcept;

//! Reads all attributes; logs one line and returns false where one is missing, doubled or out of range.
//! Fields with other names are left alone: the parser adds its own.
bool readAttributes(nvinfer1::PluginFieldCollection const& fields, RoiAlignAttributes& attributes) noexcept;

//! Fields whose data are those of `attributes`, which must outlive them.
void writeAttributes(RoiAlignAttributes const& attributes, nvinfer1::PluginField (&fields)[kNB_ATTRIBUTES]) noexcept;

} // namespace leukoedge

#endif // LEUKOEDGE_ROI_ALIGN_ATTRIBUTES_H
