// Multi-level RoIAlign on the device; knows nothing of TensorRT.
#ifndef LEUKOEDGE_ROI_ALIGN_KERNEL_H
#define LEUKOEDGE_ROI_ALIGN_KERNEL_H

#include "roi_align.h"

#include <cuda_runtime_api.h>

namespace leukoedge
{

//! Enqueues one kernel that pools all ROIs from all levels; makes no other CUDA call and may be captured in a graph.
//!
//! \param call a valid one (see isValid); its pointers are device pointers, those to features and output aligned to
//!     16 bytes where channelsPerGroup > 1
//! \return the launch's own status; cudaSuccess without a launch where there are no ROIs
cudaError_t launchRoiAlign(RoiAlignCall const& call, cudaStream_t stream) noexcept;

} // namespace leukoedge

#endif // LEUKOEDGE_ROI_ALIGN_KERNEL_H
