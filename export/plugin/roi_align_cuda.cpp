#include "roi_align_cuda.h"

#include "roi_align_check.h"
#include "roi_align_kernel.h"

#include <cstddef>
#include <cstdio>

int32_t leukoedgeRoiAlignCuda(
    leukoedge::RoiAlignCall const* call, void* stream, char* fault, int32_t faultSize) noexcept
{
    auto const size = static_cast<std::size_t>(faultSize);
    if (!leukoedge::isValid(*call, fault, size))
    {
        return 1;
    }
    cudaError_t const status = leukoedge::launchRoiAlign(*call, static_cast<cudaStream_t>(stream));
    if (status != cudaSuccess)
    {
        std::snprintf(fault, size, "the kernel could not be launched: %s", cudaGetErrorString(status));
        return 1;
    }
    return 0;
}
