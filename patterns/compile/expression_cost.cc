#include "patterns/compile/expression_cost.h"

#include <hs/hs.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string_view>

namespace postern::compile {
namespace {

constexpr int kRepetitions = 3;
constexpr double kSightNs = 5;        // a gram that was asked for: the table's entry and the mark
constexpr double kCandidateNs = 200;  // a confirmation, however short the text

// Of this thread, so that neighbours do not count.
double thread_ns() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <typename Pass>
double best_ns(Pass&& pass) {
  double best = 0;
  for (int i = 0; i < kRepetitions; ++i) {
    const double begin = thread_ns();
    pass();
    const double taken = thread_ns() - begin;
    best = i == 0 ? taken : std::min(best, taken);
  }
  return best;
}

struct Freed {
  void operator()(hs_database_t* p) const { hs_free_database(p); }
  void operator()(hs_scratch_t* p) const { hs_free_scratch(p); }
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
};

// Nanoseconds that PCRE2 takes for what it looks at, and the bytes of that.
struct Search {
  double ns = 0;
  double bytes = 1;
};

Search search(const language::Regexp& regexp, const SampleText& sample, bool until_hit) {
  const auto code = language::compile_pcre2(regexp);
  if (!code) return {};
  pcre2_jit_compile(code->get(), PCRE2_JIT_COMPLETE);
  const std::unique_ptr<pcre2_match_data, Freed> match(pcre2_match_data_create(1, nullptr));
  constexpr double kEnoughBytes = 8000;
  Search out;
  out.ns = best_ns([&] {
    out.bytes = 1;
    for (const std::string& element : sample.elements) {
      const int hit = pcre2_match(code->get(), reinterpret_cast<PCRE2_SPTR>(element.data()),
                                  element.size(), 0, 0, match.get(), nullptr);
      out.bytes += static_cast<double>(element.size());
      if (out.bytes > kEnoughBytes || (until_hit && hit >= 0)) break;
    }
  });
  return out;
}

double scan_ns(const hs_database_t* database, hs_scratch_t* scratch, const SampleText& sample) {
  const auto ignore = [](unsigned, unsigned long long, unsigned long long, unsigned, void*) {
    return 0;
  };
  const auto scan = [&](const std::string& text) {
    hs_scan(database, text.data(), static_cast<unsigned>(text.size()), 0, scratch, ignore, nullptr);
  };
  return best_ns([&] {
    if (!sample.joined.empty()) return scan(sample.joined);
    for (const std::string& element : sample.elements) scan(element);
  });
}

std::expected<double, NoCost> scan_ns(std::span<const HyperscanForm* const> forms,
                                      const SampleText& sample) {
  std::vector<const char*> patterns;
  std::vector<unsigned> flags, ids;
  for (const HyperscanForm* form : forms) {
    patterns.push_back(form->pattern.c_str());
    flags.push_back(form->flags);
    ids.push_back(static_cast<unsigned>(ids.size()));
  }
  hs_database_t* raw = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_compile_multi(patterns.data(), flags.data(), ids.data(),
                       static_cast<unsigned>(patterns.size()), HS_MODE_BLOCK, nullptr, &raw,
                       &error) != HS_SUCCESS) {
    const bool refused = error != nullptr && is_verdict(*error);
    hs_free_compile_error(error);
    return std::unexpected(refused ? NoCost::kRefused : NoCost::kFailed);
  }
  const std::unique_ptr<hs_database_t, Freed> database(raw);
  hs_scratch_t* raw_scratch = nullptr;
  if (hs_alloc_scratch(raw, &raw_scratch) != HS_SUCCESS) {
    return std::unexpected(NoCost::kFailed);
  }
  const std::unique_ptr<hs_scratch_t, Freed> scratch(raw_scratch);
  return scan_ns(raw, raw_scratch, sample);
}

// That what occurs `expected` times on average occurs `least` times or more (Poisson).
double chance_of(uint32_t least, double expected) {
  double term = std::exp(-expected), fewer = 0;
  for (uint32_t n = 0; n < least; ++n) {
    fewer += term;
    term *= expected / (n + 1);
  }
  return std::clamp(1 - fewer, 0.0, 1.0);
}

}  // namespace

SampleText sample_text(std::vector<std::string> elements, bool joined) {
  SampleText out;
  for (const std::string& element : elements) {
    out.bytes += static_cast<double>(element.size());
    if (!joined) continue;
    out.joined += element;
    if (!element.ends_with('\n')) out.joined += '\n';
    out.joined += kElementJoint;
  }
  if (!elements.empty()) out.mean_element = out.bytes / static_cast<double>(elements.size());
  out.elements = std::move(elements);
  return out;
}

// "Unable to allocate memory.", "Could not allocate memory for bytecode.", "Allocator returned
// misaligned memory.", "Internal error."
bool is_verdict(const hs_compile_error& error) {
  const std::string_view message = error.message == nullptr ? "" : error.message;
  return !message.contains(" memory") && !message.starts_with("Internal error");
}

std::expected<double, NoCost> hyperscan_cost(const HyperscanForm& form, const SampleText& sample) {
  HyperscanForm never;
  never.pattern = "\\xff\\xfe\\xff\\xfe";
  const HyperscanForm* const one[] = {&form};
  const HyperscanForm* const none[] = {&never};
  const auto ns = scan_ns(one, sample);
  if (!ns) return ns;
  return std::max(*ns - scan_ns(none, sample).value_or(0), 0.0) / std::max(sample.bytes, 1.0);
}

std::expected<double, NoCost> hyperscan_cost(std::span<const HyperscanForm* const> forms,
                                             const SampleText& sample) {
  const auto ns = scan_ns(forms, sample);
  if (!ns) return ns;
  return *ns / std::max(sample.bytes, 1.0);
}

double pcre2_cost(const language::Regexp& regexp, const SampleText& sample) {
  const Search until_hit = search(regexp, sample, true);
  // What was not looked at any more costs nothing.
  return until_hit.ns / std::max(until_hit.bytes, std::min(sample.bytes, 3000.0));
}

double factored_cost(const language::Regexp& regexp, std::span<const RequiredFactor> factors,
                     double share_of_starts, const SampleText& sample) {
  const double length = std::max(sample.mean_element, 1.0);
  double sights = 0, all_seen = 1;
  double looked_at = length;
  for (const RequiredFactor& factor : factors) {
    sights += factor.rate;
    all_seen *= chance_of(factor.least, factor.rate * length);
    if (looked_at == length && factor.reach != artefact::kNone) {
      looked_at = std::min(length, factor.reach * (factor.least + factor.rate * length));
    }
  }
  const double candidates = all_seen / length;  // in each byte
  double confirmation = kCandidateNs;
  // The time of a candidate does not matter where there is none in a megabyte.
  if (candidates > 1e-6) {
    const Search every = search(regexp, sample, false);
    confirmation += every.ns / every.bytes * looked_at * share_of_starts;
  }
  return sights * kSightNs + candidates * confirmation;
}

}  // namespace postern::compile
