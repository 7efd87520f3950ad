// Any expression over any text: where PCRE2 finds a match, the expression's factors were all seen,
// and a match begins where they and the expression's beginnings say. The first line is the
// expression, its first octet choosing the flags; the rest is the text.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/scan/factor_search.h"
#include "patterns/compile/match_starts.h"
#include "patterns/compile/required_factors.h"
#include "patterns/compile/sample.h"

namespace {

using postern::language::Regexp;
using postern::scan::FactorSearch;

constexpr size_t kLongestExpression = 60;
constexpr uint32_t kMatchSteps = 100'000;

struct Freed {
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
};

class Search {
 public:
  explicit Search(const pcre2_code* code)
      : code_(code),
        match_(pcre2_match_data_create(1, nullptr)),
        context_(pcre2_match_context_create(nullptr)) {
    pcre2_set_match_limit(context_.get(), kMatchSteps);
  }
  // As pcre2_match(): 0 or more where a match begins in [from, to].
  int find(std::string_view text, size_t from, size_t to) {
    pcre2_set_offset_limit(context_.get(), to);
    return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, 0,
                       match_.get(), context_.get());
  }

 private:
  const pcre2_code* code_;
  std::unique_ptr<pcre2_match_data, Freed> match_;
  std::unique_ptr<pcre2_match_context, Freed> context_;
};

void check(const std::vector<postern::compile::RequiredFactor>& required,
           std::vector<postern::artefact::MatchStarts> starts, FactorSearch::Anchor anchor,
           Search& search, std::string_view text) {
  std::vector<postern::artefact::Factor> factors;
  for (const auto& factor : required) {
    factors.push_back({0, factor.least, factor.reach, factor.grams});
  }
  const FactorSearch factor_search(factors, std::move(starts), std::array{anchor});
  FactorSearch::Notes notes;
  notes.prepare(1);
  factor_search.search(text, notes);
  if (notes.candidates().size() != 1) std::abort();
  bool found = false;
  const auto find = [&](FactorSearch::Window window) {
    const int result = search.find(text, window.from, window.to);
    // A search that was given up proves nothing.
    found = result >= 0 || result == PCRE2_ERROR_MATCHLIMIT || result == PCRE2_ERROR_JIT_STACKLIMIT;
    return found;
  };
  factor_search.for_each_window(notes, notes.trace(0), 0, text, find);
  if (!found) std::abort();
  // From anywhere on, the windows hold a match if the rest of the text does.
  for (size_t from = 0; from < text.size(); ++from) {
    const int result = search.find(text, from, text.size());
    if (result < 0) break;
    found = false;
    factor_search.for_each_window_from(notes, notes.trace(0), 0, text, from, find);
    if (!found) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postern;
  static const compile::GramRates rates(compile::default_sample().at(language::Target::kBody));
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = input.find('\n');
  if (line == input.npos || line < 2 || line > kLongestExpression) return 0;
  const Regexp regexp{std::string(input.substr(1, line - 1)),
                      static_cast<uint8_t>(input[0]) & language::kAllRegexpFlags};
  const auto code = language::compile_pcre2(regexp, PCRE2_USE_OFFSET_LIMIT);
  if (!code) return 0;
  const std::string_view text = input.substr(line + 1);
  Search search(code->get());
  if (search.find(text, 0, text.size()) < 0) return 0;
  const auto tree = compile::expression_tree(regexp);
  if (!tree) return 0;
  const auto required = compile::required_factors(*tree, rates);
  if (required.empty()) return 0;
  std::vector<artefact::MatchStarts> starts;
  if (auto found = compile::match_starts(*tree)) starts.push_back(std::move(*found));
  check(required, std::move(starts), FactorSearch::anchor_of(code->get()), search, text);
  return 0;
}
