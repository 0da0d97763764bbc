#include "roi_align_kernel.h"

#include <cuda_fp16.h>

namespace leukoedge
{
namespace
{

constexpr int32_t kTHREADS = 256;

//! kLENGTH neighbouring channels of one cell: one 16-byte load, or one element in the linear layout.
template <typename T, int32_t kLENGTH> struct alignas(sizeof(T) * kLENGTH) Channels
{
    T values[kLENGTH];
};

__device__ inline float toFloat(float value)
{
    return value;
}

__device__ inline float toFloat(__half value)
{
    return __half2float(value);
}

__device__ inline float toFloat(int8_t value)
{
    return static_cast<float>(value);
}

__device__ inline void store(float value, float& target)
{
    target = value;
}

__device__ inline void store(float value, __half& target)
{
    target = __float2half_rn(value);
}

__device__ inline void store(float value, int8_t& target)
{
    target = toInt8(value);
}

template <typename T, int32_t kLENGTH>
__device__ inline void accumulateAt(float (&sums)[kLENGTH], float weight, T const* source)
{
    auto const channels = *reinterpret_cast<Channels<T, kLENGTH> const*>(source);
#pragma unroll
    for (int32_t i = 0; i < kLENGTH; ++i)
    {
        sums[i] = accumulate(sums[i], weight, toFloat(channels.values[i]));
    }
}

template <typename T, int32_t kLENGTH>
__device__ inline void poolBin(T const* source, Tap const* y, Tap const* x, T* target)
{
    float sums[kLENGTH] = {};
#pragma unroll
    for (int32_t i = 0; i < kSAMPLES; ++i)
    {
        Tap const row = y[i];
#pragma unroll
        for (int32_t j = 0; j < kSAMPLES; ++j)
        {
            Tap const column = x[j];
            T const* const low = source + row.offsetLow;
            T const* const high = source + row.offsetHigh;
            accumulateAt(sums, row.weightLow * column.weightLow, low + column.offsetLow);
            accumulateAt(sums, row.weightLow * column.weightHigh, low + column.offsetHigh);
            accumulateAt(sums, row.weightHigh * column.weightLow, high + column.offsetLow);
            accumulateAt(sums, row.weightHigh * column.weightHigh, high + column.offsetHigh);
        }
    }
    Channels<T, kLENGTH> pooled;
#pragma unroll
    for (int32_t i = 0; i < kLENGTH; ++i)
    {
        store(sums[i], pooled.values[i]);
    }
    *reinterpret_cast<Channels<T, kLENGTH>*>(target) = pooled;
}

//! A block pools some rows of bins of one ROI: blockIdx.x is the ROI, blockIdx.y the first row / rowsPerBlock.
//! Its taps are computed once, then shared by all channels.
template <typename T, int32_t kLENGTH>
__global__ void __launch_bounds__(kTHREADS) multilevelRoiAlign(RoiAlignCall const call, int32_t const rowsPerBlock)
{
    __shared__ Tap xTaps[kMAX_BINS * kSAMPLES];
    __shared__ Tap yTaps[kMAX_BINS * kSAMPLES];

    float const* const box = call.rois + static_cast<int64_t>(blockIdx.x) * 4;
    Roi const roi{box[0], box[1], box[2], box[3]};
    Level const& level = call.levels[levelOf(roi, call)];
    int32_t const group = call.channelsPerGroup;
    int32_t const bins = call.bins;
    int32_t const firstRow = static_cast<int32_t>(blockIdx.y) * rowsPerBlock;
    int32_t const rows = min(rowsPerBlock, bins - firstRow);

    for (int32_t i = threadIdx.x; i < (bins + rows) * kSAMPLES; i += blockDim.x)
    {
        int32_t const j = i - bins * kSAMPLES;
        if (j < 0)
        {
            xTaps[i] = tapOf(roi.x0 / level.stride, roi.x1 / level.stride, i, bins, level.width, group);
        }
        else
        {
            yTaps[j] = tapOf(roi.y0 / level.stride, roi.y1 / level.stride, firstRow * kSAMPLES + j, bins, level.height,
                group * level.width);
        }
    }
    __syncthreads();

    int32_t const padded = paddedChannels(call.channels, group);
    int32_t const loads = padded / kLENGTH;
    int32_t const binsHere = rows * bins;
    int32_t const levelCells = level.height * level.width;
    T const* const features = static_cast<T const*>(level.data);
    T* const output = static_cast<T*>(call.output) + static_cast<int64_t>(blockIdx.x) * padded * bins * bins;
    for (int32_t item = threadIdx.x; item < loads * binsHere; item += blockDim.x)
    {
        // neighbouring threads take what is neighbouring in memory: channels of one bin, or bins of one channel
        int32_t const load = kLENGTH > 1 ? item % loads : item / binsHere;
        int32_t const bin = kLENGTH > 1 ? item / loads : item % binsHere;
        int32_t const channel = load * kLENGTH;
        poolBin<T, kLENGTH>(features + channelOffset(channel, levelCells, group), yTaps + bin / bins * kSAMPLES,
            xTaps + bin % bins * kSAMPLES,
            output + channelOffset(channel, bins * bins, group) + (firstRow * bins + bin) * group);
    }
}

template <typename T, int32_t kLENGTH> cudaError_t launch(RoiAlignCall const& call, cudaStream_t stream) noexcept
{
    // enough rows that no thread of a block idles, few enough that there are many blocks
    int32_t const itemsPerRow = paddedChannels(call.channels, call.channelsPerGroup) / kLENGTH * call.bins;
    int32_t rowsPerBlock = (kTHREADS + itemsPerRow - 1) / itemsPerRow;
    rowsPerBlock = rowsPerBlock < call.bins ? rowsPerBlock : call.bins;
    dim3 const grid(static_cast<unsigned int>(call.nbRois),
        static_cast<unsigned int>((call.bins + rowsPerBlock - 1) / rowsPerBlock));
    RoiAlignCall parameters = call;
    void* arguments[] = {&parameters, &rowsPerBlock};
    // not <<<>>>: this returns the status of this very launch and leaves the thread's last error alone
    return cudaLaunchKernel(
        reinterpret_cast<void const*>(&multilevelRoiAlign<T, kLENGTH>), grid, dim3(kTHREADS), arguments, 0, stream);
}

template <typename T> cudaError_t launchInLayout(RoiAlignCall const& call, cudaStream_t stream) noexcept
{
    constexpr int32_t kLENGTH = 16 / static_cast<int32_t>(sizeof(T));
    return call.channelsPerGroup == 1 ? launch<T, 1>(call, stream) : launch<T, kLENGTH>(call, stream);
}

} // namespace

cudaError_t launchRoiAlign(RoiAlignCall const& call, cudaStream_t stream) noexcept
{
    if (call.nbRois == 0)
    {
        return cudaSuccess;
    }
    switch (call.type)
    {
    case ElementType::kFLOAT:
        return launchInLayout<float>(call, stream);
    case ElementType::kHALF:
        return launchInLayout<__half>(call, stream);
    case ElementType::kINT8:
        return launchInLayout<int8_t>(call, stream);
    }
    return cudaErrorInvalidValue;
}

} // namespace leukoedge
