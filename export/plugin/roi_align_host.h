// Multi-level RoIAlign on the CPU, with a C interface for tests: the same arithmetic as the CUDA kernel's, slow and
// plain.
#ifndef LEUKOEDGE_ROI_ALIGN_HOST_H
#define LEUKOEDGE_ROI_ALIGN_HOST_H

#include "roi_align.h"

//! Pools into call->output. Thread-safe.
//!
//! \return 0, or 1 with one sentence in `fault` (faultSize bytes, zero-terminated) and an untouched output.
extern "C" __attribute__((visibility("default"))) int32_t leukoedgeRoiAlignHost(
    leukoedge::RoiAlignCall const* call, char* fault, int32_t faultSize) noexcept;

#endif // LEUKOEDGE_ROI_ALIGN_HOST_H
