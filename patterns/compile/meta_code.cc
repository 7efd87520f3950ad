#include "patterns/compile/meta_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace postern::compile {
namespace {

using language::MetaOperator;
using language::MetaToken;

bool is_rule(const MetaToken& token) { return token.op == MetaOperator::kRule; }

class Orderer {
 public:
  explicit Orderer(const std::vector<language::Rule>& rules)
      : rules_(rules), never_known_(rules.size()) {
    for (uint32_t i = 0; i < rules.size(); ++i) index_.emplace(rules[i].name, i);
  }

  std::expected<MetaCode, std::string> order() {
    for (uint32_t i : dependency_order()) {
      const language::Rule& rule = rules_[i];
      const bool builds_on_unknown = std::ranges::any_of(rule.meta, [&](const MetaToken& token) {
        return is_rule(token) && index_.contains(token.rule) && never_known_[index_.at(token.rule)];
      });
      // A constant needs no other rule, so SpamAssassin looks at it even without a score.
      const bool is_constant = std::ranges::none_of(rule.meta, is_rule);
      never_known_[i] = builds_on_unknown || (rule.score == 0 && !(is_constant && is_zero(rule)));
      if (builds_on_unknown || rule.score == 0) {
        out_.off.push_back(i);
      } else if (auto added = add_code(i); !added) {
        return std::unexpected(std::move(added.error()));
      }
    }
    return std::move(out_);
  }

 private:
  static bool is_zero(const language::Rule& rule) {
    return rule.meta.size() == 1 && rule.meta[0].op == MetaOperator::kNumber &&
           rule.meta[0].number == 0;
  }

  // Metas after the metas they use.
  std::vector<uint32_t> dependency_order() const {
    std::vector<std::vector<uint32_t>> used_by(rules_.size());
    std::vector<uint32_t> waits_for(rules_.size());
    std::vector<uint32_t> order;
    for (uint32_t i = 0; i < rules_.size(); ++i) {
      if (rules_[i].target != language::Target::kMeta) continue;
      for (const MetaToken& token : rules_[i].meta) {
        const auto found = is_rule(token) ? index_.find(token.rule) : index_.end();
        if (found == index_.end() || rules_[found->second].target != language::Target::kMeta)
          continue;
        used_by[found->second].push_back(i);
        ++waits_for[i];
      }
      if (waits_for[i] == 0) order.push_back(i);
    }
    for (size_t next = 0; next < order.size(); ++next) {
      for (uint32_t user : used_by[order[next]]) {
        if (--waits_for[user] == 0) order.push_back(user);
      }
    }
    return order;
  }

  std::expected<void, std::string> add_code(uint32_t rule) {
    artefact::Meta meta{rule, {}};
    uint32_t height = 0;
    for (const MetaToken& token : rules_[rule].meta) {
      artefact::MetaInstruction instruction{token.op, token.number, artefact::kNone};
      if (is_rule(token)) {
        const auto found = index_.find(token.rule);
        if (found == index_.end()) {
          instruction = {MetaOperator::kNumber, 0, artefact::kNone};
        } else {
          instruction.rule = found->second;
        }
      }
      meta.code.push_back(instruction);
      height = height - language::operands(token.op) + 1;
      if (height > artefact::kDeepestMeta) {
        return std::unexpected(
            fmt::format("meta {} needs more than {} values at once; expected a flatter "
                        "expression, or one split over sub-rules",
                        rules_[rule].name, artefact::kDeepestMeta));
      }
    }
    out_.metas.push_back(std::move(meta));
    return {};
  }

  const std::vector<language::Rule>& rules_;
  std::unordered_map<std::string_view, uint32_t> index_;
  std::vector<bool> never_known_;  // metas whose value SpamAssassin never learns
  MetaCode out_;
};

}  // namespace

std::expected<MetaCode, std::string> order_metas(const std::vector<language::Rule>& rules) {
  return Orderer(rules).order();
}

}  // namespace postern::compile
