// Rules written in a test, compiled and matched against renderings that the test tells by hand.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "dataplane/scan/collector.h"
#include "dataplane/scan/full_text.h"
#include "dataplane/scan/matcher.h"
#include "patterns/compile/placement.h"

namespace postern::scan::testing {

// A compiled set of the rule text; a rule file error fails the process with its message.
std::shared_ptr<const SignatureSet> compile_rules(
    std::string_view rule_text, compile::Factoring factoring = compile::Factoring::kByCost);

// Stands where MessageScan stands, with the test in the MIME reader's place.
class RuleScan {
 public:
  explicit RuleScan(std::string_view rule_text,
                    compile::Factoring factoring = compile::Factoring::kByCost);

  mime::RenderSink& renderings() { return collector_; }
  void full(std::string_view message);
  // A plain message: its header fields, then its body told as paragraphs and lines.
  RuleScan& header(std::string_view name, std::string_view value);
  RuleScan& body(std::string_view paragraph);
  RuleScan& rawbody(std::string_view line);
  RuleScan& uri(std::string_view uri);
  RuleScan& envelope(language::Target target, std::string_view text);

  // Ends the message and begins the next.
  void end();
  // Ends the message; the names of all rules hit, sub-rules included. The next message begins.
  std::set<std::string> hits();
  double score() const { return score_; }
  // Of the message that hits() was asked about last.
  std::span<const RuleCut> cuts() const { return cuts_; }
  uint32_t confirmations_cut() const { return matcher_.confirmations_cut(); }
  const SignatureSet::Compiled& compiled() const { return set_->compiled(); }

 private:
  void begin();
  void match();

  std::shared_ptr<const SignatureSet> set_;
  MessageScan::Scratch scratch_;
  Hits hits_;
  Matcher matcher_;
  Collector collector_;
  FullText full_;
  double score_ = 0;
  std::vector<RuleCut> cuts_;
};

}  // namespace postern::scan::testing
