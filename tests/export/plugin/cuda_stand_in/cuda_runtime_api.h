// As much of CUDA as roi_align_kernel.cu uses, on CPU threads: tests of its indexing on machines without a GPU.
// Floating-point contraction is that of the host, so results equal the host library's bit for bit.
#ifndef LEUKOEDGE_TESTS_CUDA_RUNTIME_API_H
#define LEUKOEDGE_TESTS_CUDA_RUNTIME_API_H

#include <algorithm>
#include <cstddef>
#include <pthread.h>
#include <thread>
#include <vector>

#define __global__
#define __device__
#define __shared__ static // one block runs at a time
#define __launch_bounds__(threads)

using std::min;

enum cudaError_t
{
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
};
using cudaStream_t = void*;

struct dim3
{
    unsigned int x;
    unsigned int y;
    unsigned int z;
    explicit dim3(unsigned int x_ = 1, unsigned int y_ = 1, unsigned int z_ = 1) noexcept
        : x(x_)
        , y(y_)
        , z(z_)
    {
    }
};

inline thread_local dim3 threadIdx;
inline thread_local dim3 blockIdx;
inline thread_local dim3 blockDim;
inline pthread_barrier_t gBlockBarrier;

inline void __syncthreads()
{
    pthread_barrier_wait(&gBlockBarrier);
}

//! Runs `kernel` for every block, one after another, with one CPU thread per thread of a block.
template <typename F> void runOnCpu(dim3 const& grid, dim3 const& block, F const& kernel)
{
    pthread_barrier_init(&gBlockBarrier, nullptr, block.x);
    std::vector<std::thread> threads;
    for (unsigned int i = 0; i < block.x; ++i)
    {
        threads.emplace_back(
            [&grid, &block, &kernel, i]
            {
                threadIdx = dim3(i);
                blockDim = block;
                for (unsigned int y = 0; y < grid.y; ++y)
                {
                    for (unsigned int x = 0; x < grid.x; ++x)
                    {
                        blockIdx = dim3(x, y);
                        kernel();
                        __syncthreads(); // shared memory is used again by the next block
                    }
                }
            });
    }
    for (std::thread& thread : threads)
    {
        thread.join();
    }
    pthread_barrier_destroy(&gBlockBarrier);
}

cudaError_t cudaLaunchKernel(
    void const* kernel, dim3 grid, dim3 block, void** arguments, std::size_t sharedBytes, cudaStream_t stream);

#endif // LEUKOEDGE_TESTS_CUDA_RUNTIME_API_H
