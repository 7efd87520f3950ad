#include "bench/row.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/yardstick.h"

namespace postern::bench {

using nlohmann::ordered_json;

namespace {

constexpr double kMostPasses = 200;  // of one repetition

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t n = values.size();
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

// The widest difference between repetitions, as a share of the median.
double spread(const std::vector<double>& values) {
  const auto [least, most] = std::ranges::minmax(values);
  return (most - least) / median(values);
}

double rounded(double value, int digits) {
  return std::stod(fmt::format("{:.{}g}", value, digits));
}

double yardstick_seconds() {
  [[maybe_unused]] static volatile uint64_t kept;  // the work must be done
  const Stopwatch stopwatch;
  kept = yardstick();
  return stopwatch.read().seconds;
}

struct Measured {
  double passes = 1;                 // of a repetition
  std::vector<double> seconds;       // of a unit, by repetition
  std::vector<double> of_yardstick;  // these, each by what the yardstick took before and after it
  uint64_t allocations = 0;          // of all repetitions
};

std::expected<Pass, std::string> checked_pass(const Row& row) {
  auto pass = row.pass();
  if (!pass) return std::unexpected(row.name + ": the counts are wrong: " + pass.error());
  return pass;
}

ordered_json report(const Row& row, const Measured& measured, int repetitions) {
  std::vector<double> rates;
  for (const double seconds : measured.seconds) rates.push_back(rounded(1 / seconds, 5));
  std::vector<double> of_yardstick;
  for (const double part : measured.of_yardstick) of_yardstick.push_back(rounded(part, 4));
  const double seconds = median(measured.seconds);
  ordered_json out{{"row", row.name},
                   {"what", row.what},
                   {"unit", row.unit + "/s"},
                   {"value", rounded(1 / seconds, 4)},
                   {"spread", rounded(spread(measured.seconds), 2)},
                   {"repetitions", rates},
                   {"of_yardstick", of_yardstick},
                   {"microseconds_each", rounded(seconds * 1e6, 4)},
                   {"megabytes_per_second",
                    rounded(row.octets_per_pass / row.units_per_pass / seconds / 1e6, 4)},
                   {"input", row.input}};
  if (!row.set.empty()) out["set"] = row.set;
  if (row.open_connections != 0) out["open_connections"] = row.open_connections;
  out["allocations_each"] = rounded(static_cast<double>(measured.allocations) /
                                        (row.units_per_pass * measured.passes * repetitions),
                                    3);
  return out;
}

}  // namespace

std::expected<std::vector<ordered_json>, std::string> measure(const std::vector<Row>& rows,
                                                              const Effort& effort) {
  std::vector<Measured> all(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto pass = checked_pass(rows[i]);
    if (!pass) return std::unexpected(pass.error());
    all[i].passes = std::clamp(std::ceil(effort.seconds / pass->seconds), 1.0, kMostPasses);
  }
  for (int repetition = 0; repetition < effort.repetitions; ++repetition) {
    for (size_t i = 0; i < rows.size(); ++i) {
      double seconds = 0;
      const double yardstick_before = yardstick_seconds();
      for (int n = 0; n < static_cast<int>(all[i].passes); ++n) {
        const auto pass = checked_pass(rows[i]);
        if (!pass) return std::unexpected(pass.error());
        seconds += pass->seconds;
        all[i].allocations += pass->allocations;
      }
      const double each = seconds / all[i].passes / rows[i].units_per_pass;
      all[i].seconds.push_back(each);
      all[i].of_yardstick.push_back(2 * each / (yardstick_before + yardstick_seconds()));
    }
  }
  std::vector<ordered_json> reports;
  for (size_t i = 0; i < rows.size(); ++i) {
    ordered_json out = report(rows[i], all[i], effort.repetitions);
    const auto other = std::ranges::find(rows, rows[i].compared_with, &Row::name);
    if (other != rows.end()) {
      const auto& base = all[static_cast<size_t>(other - rows.begin())].seconds;
      std::vector<double> ratios;
      for (size_t r = 0; r < base.size(); ++r) ratios.push_back(all[i].seconds[r] / base[r]);
      out["compared_with"] = rows[i].compared_with;
      out["ratio"] = rounded(median(ratios), 3);
      out["ratio_spread"] = rounded(spread(ratios), 2);
    }
    reports.push_back(std::move(out));
  }
  return reports;
}

}  // namespace postern::bench
