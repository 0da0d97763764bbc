#include "plugin_log.h"

#include <atomic>
#include <cstdarg>
#include <cstdio>

namespace leukoedge
{
namespace
{

std::atomic<nvinfer1::ILoggerFinder*> gLoggerFinder{nullptr};

nvinfer1::ILogger* findLogger() noexcept
{
    nvinfer1::ILoggerFinder* const finder = gLoggerFinder.load();
    if (finder == nullptr)
    {
        return nullptr;
    }
    try
    {
        return finder->findLogger(); // the one foreign call here that is not noexcept
    }
    catch (...)
    {
        return nullptr;
    }
}

} // namespace

void setPluginLoggerFinder(nvinfer1::ILoggerFinder* finder) noexcept
{
    gLoggerFinder.store(finder);
}

void logError(char const* sentence, ...) noexcept
{
    char line[512];
    int const prefix = std::snprintf(line, sizeof(line), "leukoedge::MultilevelRoiAlign: ");
    va_list arguments;
    va_start(arguments, sentence);
    std::vsnprintf(line + prefix, sizeof(line) - static_cast<std::size_t>(prefix), sentence, arguments);
    va_end(arguments);
    nvinfer1::ILogger* const logger = findLogger();
    if (logger != nullptr)
    {
        logger->log(nvinfer1::ILogger::Severity::kERROR, line);
    }
    else
    {
        std::fprintf(stderr, "%s\n", line);
    }
}

} // namespace leukoedge
