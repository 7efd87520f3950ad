// Rules written in a test, asked about whole messages.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/testing/heap_calls.h"
#include "dataplane/scan/compiled.h"
#include "dataplane/scan/testing/rule_scan.h"

namespace postern::scan::testing {

class MessageHits {
 public:
  explicit MessageHits(std::string_view rules) : set_(compile_rules(rules)) {
    EXPECT_TRUE(scratch_.prepare(*set_));
  }

  // The names of the rules that the message hits, fed in pieces of `step` octets. Fails the test
  // when memory is taken from the heap.
  std::set<std::string> operator()(std::string_view message, size_t step = SIZE_MAX) {
    scan_.begin(set_, &scratch_);
    const uint64_t before = heap_calls();
    while (!message.empty()) {
      const std::string_view piece = message.substr(0, step);
      scan_.feed({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
      message.remove_prefix(piece.size());
    }
    const ScanResult result = scan_.finish();
    EXPECT_EQ(heap_calls() - before, 0u);
    std::set<std::string> names;
    for (uint32_t rule : result.rules) names.emplace(set_->rule_name(rule));
    return names;
  }

 private:
  std::shared_ptr<const SignatureSet> set_;
  MessageScan::Scratch scratch_;
  MessageScan scan_{mime::ReaderLimits{}};
};

}  // namespace postern::scan::testing
