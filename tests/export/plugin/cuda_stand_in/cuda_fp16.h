// CUDA's float16 as far as roi_align_kernel.cu uses it.
#ifndef LEUKOEDGE_TESTS_CUDA_FP16_H
#define LEUKOEDGE_TESTS_CUDA_FP16_H

#include "half_bits.h"

struct __half
{
    uint16_t bits;
};

inline float __half2float(__half value)
{
    return leukoedge::toFloat(leukoedge::HalfBits{value.bits});
}

inline __half __float2half_rn(float value)
{
    return __half{leukoedge::toHalf(value).bits};
}

#endif // LEUKOEDGE_TESTS_CUDA_FP16_H
