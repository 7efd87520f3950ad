// Which metas of a message are hit, asking for as few other rules as that takes.
//
// Theory of operation. A meta is 0 until one of the rules that it waits for (meta_triggers.h) is
// hit, or may be. Then its bounds are computed from those of its rules (meta_bounds.h), in an order
// in which metas come behind those that they use. A sub-rule's meta is left at that. One that
// counts asks for the rules that stand between it and an answer, one at a time, until there is one;
// what it asks for may be a meta that asks on its own behalf.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/scan/compiled.h"
#include "dataplane/scan/meta_bounds.h"

namespace postern::scan {

class Hits;

// Who can find out about rules that are pending.
class RuleSource {
 public:
  // The rule's bounds, known now.
  virtual Bounds settle(uint32_t rule) = 0;

 protected:
  ~RuleSource() = default;
};

// One thread's; fixed memory after prepare().
class MetaEvaluation {
 public:
  // Never less than for the sets before.
  void prepare(const SignatureSet::Compiled& set);

  // Of rules that are no metas and not known to be 0, once each.
  void tell(const SignatureSet::Compiled& set, uint32_t rule, const Bounds& bounds);
  // Hits the metas. Afterwards nothing is told. `all`: sub-rules, too; then each is settled.
  void run(const SignatureSet::Compiled& set, Asked asked, RuleSource& source, Hits& hits);

 private:
  void settle(uint32_t meta, bool exactly);
  MetaBounds evaluate(uint32_t meta);
  void set_bounds(uint32_t rule, const Bounds& bounds);

  const SignatureSet::Compiled* set_ = nullptr;
  RuleSource* source_ = nullptr;
  Hits* hits_ = nullptr;
  std::vector<Bounds> bounds_;     // by rule; all zero between messages
  std::vector<uint64_t> waiting_;  // bit set of metas to be evaluated; empty between messages
  std::vector<uint32_t> told_;     // rules whose bounds are set
  std::vector<uint32_t> asking_;   // metas that wait for each other's answer
};

}  // namespace postern::scan
