# Finds the folder of NvInfer.h (LEUKOEDGE_TENSORRT_INCLUDE) and its version (LEUKOEDGE_TENSORRT_VERSION):
# TENSORRT_ROOT, a system install, then the PyPI package kernel-lens, which carries NVIDIA's headers.

unset(LEUKOEDGE_TENSORRT_INCLUDE CACHE) # searched anew, or a changed TENSORRT_ROOT would not count
if(TENSORRT_ROOT)
  # what was named and is not there is an error, never replaced by another version
  find_path(LEUKOEDGE_TENSORRT_INCLUDE NvInferRuntime.h PATHS "${TENSORRT_ROOT}" PATH_SUFFIXES include NO_DEFAULT_PATH)
  if(NOT LEUKOEDGE_TENSORRT_INCLUDE)
    message(FATAL_ERROR "TENSORRT_ROOT is ${TENSORRT_ROOT}, which has no include/NvInferRuntime.h")
  endif()
endif()
find_path(LEUKOEDGE_TENSORRT_INCLUDE NvInferRuntime.h
  PATHS /usr/local/tensorrt PATH_SUFFIXES include "${CMAKE_LIBRARY_ARCHITECTURE}")
if(NOT LEUKOEDGE_TENSORRT_INCLUDE)
  find_package(Python3 COMPONENTS Interpreter QUIET)
  if(Python3_Interpreter_FOUND)
    execute_process(COMMAND "${Python3_EXECUTABLE}" -c "import sysconfig; print(sysconfig.get_paths()['purelib'])"
      OUTPUT_VARIABLE site OUTPUT_STRIP_TRAILING_WHITESPACE)
    find_path(LEUKOEDGE_TENSORRT_INCLUDE NvInferRuntime.h PATHS "${site}/kernel_lens/include/tensorrt" NO_DEFAULT_PATH)
  endif()
endif()

if(LEUKOEDGE_TENSORRT_INCLUDE)
  # before 10.10 the numbers stand in NV_TENSORRT_*, later in TRT_*_ENTERPRISE
  file(READ "${LEUKOEDGE_TENSORRT_INCLUDE}/NvInferVersion.h" text)
  set(numbers "")
  foreach(part MAJOR MINOR PATCH)
    if(text MATCHES "define (TRT_${part}_ENTERPRISE|NV_TENSORRT_${part}) ([0-9]+)")
      list(APPEND numbers ${CMAKE_MATCH_2})
    endif()
  endforeach()
  list(JOIN numbers "." LEUKOEDGE_TENSORRT_VERSION)
endif()
