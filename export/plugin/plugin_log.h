// One log line at a time, to TensorRT's logger or, where there is none, to standard error.
#ifndef LEUKOEDGE_PLUGIN_LOG_H
#define LEUKOEDGE_PLUGIN_LOG_H

#include <NvInferRuntime.h>

namespace leukoedge
{

//! Remembers where to ask for the logger; thread-safe. nullptr: standard error from now on.
void setPluginLoggerFinder(nvinfer1::ILoggerFinder* finder) noexcept;

//! Logs "leukoedge::MultilevelRoiAlign: <sentence>" as an error. `sentence` is a printf format.
void logError(char const* sentence, ...) noexcept __attribute__((format(printf, 1, 2)));

} // namespace leukoedge

#endif // LEUKOEDGE_PLUGIN_LOG_H
