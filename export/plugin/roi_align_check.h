// Whether a pooling can be carried out; asked once at the border by the host library and by the plugin.
#ifndef LEUKOEDGE_ROI_ALIGN_CHECK_H
#define LEUKOEDGE_ROI_ALIGN_CHECK_H

#include "roi_align.h"

#include <cstddef>

namespace leukoedge
{

//! Writes one sentence into `fault` and returns false where sizes, layout or settings are outside what is implemented.
//! Pointers are not looked at.
bool isValid(RoiAlignCall const& call, char* fault, std::size_t faultSize) noexcept;

} // namespace leukoedge

#endif // LEUKOEDGE_ROI_ALIGN_CHECK_H
