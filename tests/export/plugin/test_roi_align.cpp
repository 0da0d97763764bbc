// The host arithmetic against closed forms. Each check prints what it expected and what it got.
#include "half_bits.h"
#include "roi_align_host.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

namespace
{

int gFailures = 0;

void expectNear(char const* what, float got, float expected, float tolerance)
{
    if (!(std::fabs(got - expected) <= tolerance))
    {
        std::printf(
            "FAILED %s: expected %.9g, got %.9g\n", what, static_cast<double>(expected), static_cast<double>(got));
        ++gFailures;
    }
}

//! One channel on one level of stride 4, filled by value(x, y) of the cell.
template <typename F>
std::vector<float> pool(std::vector<float> const& rois, F value, int32_t bins = 7, int32_t size = 16)
{
    std::vector<float> cells(static_cast<std::size_t>(size * size));
    for (int32_t y = 0; y < size; ++y)
    {
        for (int32_t x = 0; x < size; ++x)
        {
            cells[static_cast<std::size_t>(y * size + x)] = value(x, y);
        }
    }
    auto const nbRois = static_cast<int32_t>(rois.size() / 4);
    std::vector<float> pooled(static_cast<std::size_t>(nbRois * bins * bins), -77.F);
    leukoedge::RoiAlignCall call{};
    call.levels[0] = leukoedge::Level{cells.data(), size, size, 4.F};
    call.nbLevels = 1;
    call.channels = 1;
    call.channelsPerGroup = 1;
    call.type = leukoedge::ElementType::kFLOAT;
    call.nbRois = nbRois;
    call.bins = bins;
    call.firstLevel = 2;
    call.canonicalLevel = 4;
    call.canonicalSize = 224.F;
    call.rois = rois.data();
    call.output = pooled.data();
    char fault[256] = "";
    if (leukoedgeRoiAlignHost(&call, fault, sizeof(fault)) != 0)
    {
        std::printf("FAILED call: %s\n", fault);
        ++gFailures;
    }
    return pooled;
}

void aConstantFeatureGivesTheConstant()
{
    for (float got : pool({4.F, 5.F, 50.F, 41.F, 0.F, 0.F, 64.F, 64.F}, [](int32_t, int32_t) { return 3.F; }))
    {
        expectNear("constant", got, 3.F, 1e-6F);
    }
}

void aRampGivesItsValueAtTheBinCentre()
{
    int32_t const bins = 7;
    std::vector<float> const roi{6.F, 10.F, 48.F, 38.F};
    auto const got
        = pool(roi, [](int32_t x, int32_t y) { return 2.F * static_cast<float>(x) + 5.F * static_cast<float>(y); });
    for (int32_t i = 0; i < bins * bins; ++i)
    {
        float const x = (roi[0] + (static_cast<float>(i % bins) + 0.5F) / bins * (roi[2] - roi[0])) / 4.F - 0.5F;
        float const y = (roi[1] + (static_cast<float>(i / bins) + 0.5F) / bins * (roi[3] - roi[1])) / 4.F - 0.5F;
        expectNear("ramp", got[static_cast<std::size_t>(i)], 2.F * x + 5.F * y, 1e-4F);
    }
}

void whatLiesOutsideAddsNothing()
{
    float const nan = std::numeric_limits<float>::quiet_NaN();
    float const infinite = std::numeric_limits<float>::infinity();
    auto const one = [](int32_t, int32_t) { return 1.F; };
    for (float got : pool({200.F, 200.F, 240.F, 240.F, -90.F, 0.F, -50.F, 40.F}, one))
    {
        expectNear("outside", got, 0.F, 0.F);
    }
    for (float got :
        pool({nan, 0.F, 40.F, 40.F, 0.F, 0.F, 40.F, nan, nan, nan, nan, nan, 0.F, 0.F, infinite, 40.F}, one))
    {
        expectNear("NaN or infinite", got, 0.F, 0.F);
    }
    // half of the samples are left of cell -1, the divisor stays 4
    expectNear("half outside", pool({-4.F, 8.F, 0.F, 12.F}, one, 1)[0], 0.5F, 1e-6F);
}

void anInvertedBoxIsSampledBackwards()
{
    auto const ramp = [](int32_t x, int32_t) { return static_cast<float>(x); };
    auto const forward = pool({8.F, 8.F, 40.F, 40.F}, ramp);
    auto const backward = pool({40.F, 8.F, 8.F, 40.F}, ramp);
    for (std::size_t i = 0; i < 7; ++i)
    {
        expectNear("inverted", backward[i], forward[6 - i], 1e-5F);
    }
}

void exactPowersOfTwoReadTheUpperLevel()
{
    leukoedge::RoiAlignCall call{};
    call.nbLevels = 4;
    call.firstLevel = 2;
    call.canonicalLevel = 4;
    call.canonicalSize = 224.F;
    float const sizes[] = {0.F, 14.F, 55.9F, 56.F, 111.9F, 112.F, 223.9F, 224.F, 447.9F, 448.F, 4000.F};
    int32_t const levels[] = {0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3};
    for (std::size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); ++i)
    {
        int32_t const got = leukoedge::levelOf(leukoedge::Roi{3.F, 7.F, 3.F + sizes[i], 7.F + sizes[i]}, call);
        expectNear("level", static_cast<float>(got), static_cast<float>(levels[i]), 0.F);
    }
    expectNear("level of an inverted box",
        static_cast<float>(leukoedge::levelOf(leukoedge::Roi{900.F, 0.F, 0.F, 900.F}, call)), 0.F, 0.F);
}

void int8RoundsTiesToEvenAndSaturates()
{
    float const values[] = {0.5F, 1.5F, -0.5F, -1.5F, 127.4F, 127.6F, 4e9F, -128.5F, -129.F, std::nanf("")};
    int8_t const expected[] = {0, 2, 0, -2, 127, 127, 127, -128, -128, 0};
    for (std::size_t i = 0; i < sizeof(expected); ++i)
    {
        expectNear("int8", leukoedge::toInt8(values[i]), expected[i], 0.F);
    }
}

void everyHalfSurvivesTheRoundTrip()
{
    for (uint32_t bits = 0; bits < 0x10000U; ++bits)
    {
        leukoedge::HalfBits const half{static_cast<uint16_t>(bits)};
        bool const isNan = (bits & 0x7FFFU) > 0x7C00U;
        leukoedge::HalfBits const back = leukoedge::toHalf(leukoedge::toFloat(half));
        if (isNan ? !std::isnan(leukoedge::toFloat(back)) : back.bits != half.bits)
        {
            std::printf("FAILED half 0x%04x came back as 0x%04x\n", bits, back.bits);
            ++gFailures;
        }
    }
    expectNear("half tie to even", leukoedge::toFloat(leukoedge::toHalf(2049.F)), 2048.F, 0.F);
    expectNear("half overflow", leukoedge::toHalf(65520.F).bits, 0x7C00, 0.F);
    expectNear("half below overflow", leukoedge::toFloat(leukoedge::toHalf(65519.F)), 65504.F, 0.F);
}

void faultsAreSaidAndTheOutputIsUntouched()
{
    float output = -77.F;
    leukoedge::RoiAlignCall call{};
    call.nbLevels = leukoedge::kMAX_LEVELS + 1;
    call.output = &output;
    char fault[256] = "";
    if (leukoedgeRoiAlignHost(&call, fault, sizeof(fault)) != 1 || fault[0] == '\0')
    {
        std::printf("FAILED: nine levels were taken\n");
        ++gFailures;
    }
    expectNear("untouched", output, -77.F, 0.F);
}

} // namespace

int main()
{
    aConstantFeatureGivesTheConstant();
    aRampGivesItsValueAtTheBinCentre();
    whatLiesOutsideAddsNothing();
    anInvertedBoxIsSampledBackwards();
    exactPowersOfTwoReadTheUpperLevel();
    int8RoundsTiesToEvenAndSaturates();
    everyHalfSurvivesTheRoundTrip();
    faultsAreSaidAndTheOutputIsUntouched();
    std::printf(gFailures == 0 ? "all passed\n" : "%d checks failed\n", gFailures);
    return gFailures == 0 ? 0 : 1;
}
