// roi_align_kernel.cu compiled as C++ against the stand-in, behind the host library's interface.
#include "roi_align_kernel.cu" // NOLINT: the file under test, not a header

#include "roi_align_check.h"

cudaError_t cudaLaunchKernel(void const* kernel, dim3 grid, dim3 block, void** arguments, std::size_t, cudaStream_t)
{
    using Kernel = void (*)(leukoedge::RoiAlignCall, int32_t);
    auto const run = reinterpret_cast<Kernel>(const_cast<void*>(kernel));
    auto const& call = *static_cast<leukoedge::RoiAlignCall const*>(arguments[0]);
    auto const rowsPerBlock = *static_cast<int32_t const*>(arguments[1]);
    runOnCpu(grid, block, [run, &call, rowsPerBlock] { run(call, rowsPerBlock); });
    return cudaSuccess;
}

extern "C" __attribute__((visibility("default"))) int32_t leukoedgeRoiAlignHost(
    leukoedge::RoiAlignCall const* call, char* fault, int32_t faultSize) noexcept
{
    if (!leukoedge::isValid(*call, fault, static_cast<std::size_t>(faultSize)))
    {
        return 1;
    }
    return static_cast<int32_t>(leukoedge::launchRoiAlign(*call, nullptr));
}
