// Multi-level RoIAlign on the device behind a C interface, for tests and measurements; TensorRT takes the plugin.
#ifndef LEUKOEDGE_ROI_ALIGN_CUDA_H
#define LEUKOEDGE_ROI_ALIGN_CUDA_H

#include "roi_align.h"

//! Checks the call and enqueues the kernel; neither waits nor allocates.
//!
//! \param call with device pointers
//! \param stream a cudaStream_t, or null for the default one
//! \return 0, or 1 with one sentence in `fault` (faultSize bytes, zero-terminated)
extern "C" __attribute__((visibility("default"))) int32_t leukoedgeRoiAlignCuda(
    leukoedge::RoiAlignCall const* call, void* stream, char* fault, int32_t faultSize) noexcept;

#endif // LEUKOEDGE_ROI_ALIGN_CUDA_H
