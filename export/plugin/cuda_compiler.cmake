# Finds nvcc (LEUKOEDGE_NVCC) and sets CMAKE_CUDA_COMPILER and CMAKE_CUDA_ARCHITECTURES before CUDA is enabled:
# CMake's own default is an architecture that new toolkits no longer know.

find_program(LEUKOEDGE_NVCC NAMES "${CMAKE_CUDA_COMPILER}" "$ENV{CUDACXX}" nvcc
  HINTS "$ENV{CUDA_PATH}/bin" "$ENV{CUDA_HOME}/bin" "$ENV{CUDA_ROOT}/bin" PATHS /usr/local/cuda/bin
  DOC "NVIDIA's CUDA compiler")
if(NOT LEUKOEDGE_NVCC)
  return()
endif()
set(CMAKE_CUDA_COMPILER "${LEUKOEDGE_NVCC}")

set(CMAKE_CUDA_ARCHITECTURES "${LEUKOEDGE_CUDA_ARCHITECTURES}")
if(CMAKE_CUDA_ARCHITECTURES)
  return()
endif()
execute_process(COMMAND "${LEUKOEDGE_NVCC}" --list-gpu-arch OUTPUT_VARIABLE known RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${LEUKOEDGE_NVCC} --list-gpu-arch failed: ${status}")
endif()
# Turing, Ampere, Orin, Ada, Hopper, Thor, Blackwell
foreach(architecture 75 86 87 89 90 110 120)
  if(known MATCHES "compute_${architecture}[^0-9]")
    # PTX of the lowest alone: GPUs between and after compile it themselves
    if(CMAKE_CUDA_ARCHITECTURES)
      list(APPEND CMAKE_CUDA_ARCHITECTURES ${architecture}-real)
    else()
      set(CMAKE_CUDA_ARCHITECTURES ${architecture})
    endif()
  endif()
endforeach()
