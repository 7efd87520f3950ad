#include "dataplane/scan/testing/rule_scan.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "patterns/compile/compiler.h"
#include "patterns/language/reader.h"

namespace postern::scan::testing {

std::shared_ptr<const SignatureSet> compile_rules(std::string_view rule_text,
                                                  compile::Factoring factoring) {
  language::Reader reader;
  reader.read_text("test.cf", rule_text);
  auto rules = reader.finish();
  if (!rules) {
    for (const auto& error : rules.error()) fmt::print(stderr, "{}\n", error.to_string());
    std::abort();
  }
  compile::CompileOptions options;
  options.placement.factoring = factoring;
  const auto compiled = compile::compile(*rules, options);
  if (!compiled) {
    fmt::print(stderr, "{}\n", compiled.error());
    std::abort();
  }
  const auto path =
      std::filesystem::temp_directory_path() / fmt::format("postern-rule-scan-{}.psig", getpid());
  const auto written = artefact::write(compiled->artefact, path);
  auto set = SignatureSet::load(path);
  std::filesystem::remove(path);
  if (!written || !set) {
    fmt::print(stderr, "{}\n", written ? set.error() : written.error());
    std::abort();
  }
  return *set;
}

RuleScan::RuleScan(std::string_view rule_text, compile::Factoring factoring)
    : set_(compile_rules(rule_text, factoring)) {
  if (auto prepared = scratch_.prepare(*set_); !prepared) std::abort();
  begin();
}

void RuleScan::begin() {
  matcher_.begin(&set_->compiled(), scratch_.impl(), &hits_, Asked::kAllRules);
  collector_.begin(&set_->compiled(), &matcher_, scratch_.impl());
  full_.begin(&matcher_);
}

void RuleScan::full(std::string_view message) {
  full_.feed({reinterpret_cast<const uint8_t*>(message.data()), message.size()});
}

RuleScan& RuleScan::header(std::string_view name, std::string_view value) {
  collector_.header(name, fmt::format(" {}", value), value);
  return *this;
}
RuleScan& RuleScan::body(std::string_view paragraph) {
  collector_.body(paragraph);
  return *this;
}
RuleScan& RuleScan::rawbody(std::string_view line) {
  collector_.rawbody(line);
  return *this;
}
RuleScan& RuleScan::uri(std::string_view uri) {
  collector_.uri(uri);
  return *this;
}

RuleScan& RuleScan::envelope(language::Target target, std::string_view text) {
  matcher_.match_envelope(target, text);
  if (target == language::Target::kMailFrom) collector_.envelope_from(text);
  return *this;
}

void RuleScan::match() {
  full_.finish();
  collector_.finish();
  matcher_.finish();
}

void RuleScan::end() {
  match();
  begin();
}

std::set<std::string> RuleScan::hits() {
  match();
  std::set<std::string> names;
  score_ = 0;
  cuts_.assign(matcher_.cuts().begin(), matcher_.cuts().end());
  for (uint32_t rule = 0; rule < set_->rule_count(); ++rule) {
    if (!hits_.is_hit(rule)) continue;
    names.emplace(set_->rule_name(rule));
    if (!(compiled().rules[rule].flags & artefact::kSubRule)) score_ += set_->rule_score(rule);
  }
  begin();
  return names;
}

}  // namespace postern::scan::testing
