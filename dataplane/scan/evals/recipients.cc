#include <array>

#include "dataplane/mime/ascii.h"
#include "dataplane/scan/evals/evaluation.h"
#include "dataplane/scan/evals/header_functions.h"

namespace postern::scan::evals {
namespace {

constexpr size_t kMost = 256;
constexpr size_t kSortedFrom = 7;  // recipients
constexpr size_t kSimilarFrom = 5;
constexpr size_t kSimilarBytes = 2;  // of the beginnings that are compared

struct Recipients {
  std::array<std::string_view, kMost> address;
  size_t count = 0;
};

// Those of To and Cc, and of Bcc where they are few; of equal neighbours one.
void read_recipients(HeaderTexts& headers, Recipients& out) {
  size_t seen = 0;
  std::string_view previous;
  for (Field field : {Field::kToCcAddresses, Field::kBccAddresses}) {
    std::string_view rest = headers.get(field);
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view address = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      ++seen;
      if (out.count == kMost || mime::equals_ignoring_case(address, previous)) continue;
      out.address[out.count++] = previous = address;
    }
    if (seen >= kSimilarFrom) return;
  }
}

std::string_view host_of(std::string_view address) {
  const size_t at = address.find('@');
  return at == address.npos ? std::string_view() : address.substr(at + 1);
}

}  // namespace

bool sorted_recipients(const EvalRule&, Facts& facts) {
  Recipients all;
  read_recipients(facts.headers, all);
  if (all.count < kSortedFrom) return false;
  for (size_t i = 1; i < all.count; ++i) {
    if (all.address[i] < all.address[i - 1]) return false;
  }
  return true;
}

bool similar_recipients(const EvalRule& rule, Facts& facts) {
  if (facts.similar_recipients < 0) {
    Recipients all;
    read_recipients(facts.headers, all);
    uint32_t hits = 0;
    uint32_t pairs = 0;
    for (size_t i = 0; all.count >= kSimilarFrom && i < all.count; ++i) {
      const std::string_view host = host_of(all.address[i]);
      for (size_t j = i + 1; j < all.count; ++j) {
        const std::string_view other = host_of(all.address[j]);
        if (all.address[i].substr(0, kSimilarBytes) == all.address[j].substr(0, kSimilarBytes))
          ++hits;
        if (host.substr(0, kSimilarBytes) == other.substr(0, kSimilarBytes) && host != other)
          ++hits;
        ++pairs;
      }
    }
    facts.similar_recipients = pairs == 0 ? 0 : static_cast<double>(hits) / pairs;
  }
  return facts.similar_recipients >= rule.numbers[0] && facts.similar_recipients < rule.numbers[1];
}

}  // namespace postern::scan::evals
