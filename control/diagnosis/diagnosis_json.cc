#include <algorithm>
#include <concepts>
#include <limits>
#include <nlohmann/json.hpp>

#include "control/diagnosis/diagnosis.h"

namespace postern::diagnosis {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t kMostBytes = 1 << 20;

ordered_json as_json(const Line& line) {
  return {{"at", line.at_unix_s}, {"client", line.client}, {"user", line.user},
          {"from", line.from},    {"what", line.what},     {"why", line.why},
          {"header", line.header}};
}

ordered_json as_json(const Finding& finding) {
  ordered_json lines = ordered_json::array(), shown_by = ordered_json::array();
  for (const Line& line : finding.lines) {
    lines.push_back(describe(line));
    shown_by.push_back(as_json(line));
  }
  return {{"kind", kKindNames[static_cast<size_t>(finding.kind)]},
          {"confidence", kConfidenceNames[static_cast<size_t>(finding.confidence)]},
          {"score", finding.score},
          {"text", finding.text},
          {"user", finding.user},
          {"addresses", finding.addresses},
          {"script", finding.script},
          {"grounds", finding.grounds},
          {"lines", std::move(lines)},
          {"shown_by", std::move(shown_by)},
          {"probe", finding.probe}};
}

// Takes values out of an object; whatever is not as it should be makes all of it wrong.
class Reader {
 public:
  explicit Reader(const json& object) : object_(object), good_(object.is_object()) {}
  bool good() const { return good_; }

  std::string text(const char* name) {
    const json* value = find(name, &json::is_string);
    return value != nullptr ? value->get<std::string>() : std::string();
  }
  template <std::unsigned_integral T>
  T number(const char* name) {
    const json* value = find(name, &json::is_number_unsigned);
    if (value == nullptr) return 0;
    const auto number = value->get<uint64_t>();
    good_ = good_ && number <= std::numeric_limits<T>::max();
    return static_cast<T>(number);
  }
  std::vector<std::string> texts(const char* name) {
    std::vector<std::string> out;
    for (const json& text : array(name)) {
      good_ = good_ && text.is_string();
      if (good_) out.push_back(text.get<std::string>());
    }
    return out;
  }
  const json& array(const char* name) {
    static const json kNone = json::array();
    const json* value = find(name, &json::is_array);
    return value != nullptr ? *value : kNone;
  }
  // The place of a text in a table of names.
  template <typename Enum, size_t N>
  Enum choice(const char* name, const std::string_view (&names)[N]) {
    const auto* at = std::ranges::find(names, text(name));
    good_ = good_ && at != std::end(names);
    return good_ ? static_cast<Enum>(at - std::begin(names)) : Enum{};
  }

 private:
  const json* find(const char* name, bool (json::*is_one)() const noexcept) {
    if (!good_) return nullptr;
    const auto found = object_.find(name);
    good_ = found != object_.end() && ((*found).*is_one)();
    return good_ ? &*found : nullptr;
  }
  const json& object_;
  bool good_;
};

std::optional<Line> read_line(const json& object) {
  Reader from(object);
  Line out{from.number<uint64_t>("at"), from.text("client"), from.text("user"),  from.text("from"),
           from.text("what"),           from.text("why"),    from.text("header")};
  if (!from.good()) return {};
  return out;
}

std::optional<Finding> read_finding(const json& object) {
  Reader from(object);
  Finding out{.kind = from.choice<Kind>("kind", kKindNames),
              .confidence = from.choice<Confidence>("confidence", kConfidenceNames),
              .score = from.number<uint32_t>("score"),
              .text = from.text("text"),
              .user = from.text("user"),
              .addresses = from.texts("addresses"),
              .script = from.text("script"),
              .grounds = from.texts("grounds"),
              .probe = from.text("probe")};
  for (const json& line : from.array("shown_by")) {
    auto read = read_line(line);
    if (!read) return {};
    out.lines.push_back(std::move(*read));
  }
  if (!from.good()) return {};
  return out;
}

}  // namespace

std::string to_json(const Diagnosis& diagnosis) {
  ordered_json findings = ordered_json::array(), asks_for = ordered_json::array();
  for (const Finding& finding : diagnosis.findings) findings.push_back(as_json(finding));
  const auto has = [&](Kind kind) {
    return std::ranges::find(diagnosis.findings, kind, &Finding::kind) != diagnosis.findings.end();
  };
  if (has(Kind::kOpenRelay)) asks_for.push_back("relay");
  if (has(Kind::kStolenPassword)) asks_for.push_back("password");
  const Kind first = diagnosis.findings.empty() ? Kind::kUnknown : diagnosis.findings.front().kind;
  ordered_json out{{"kind", kKindNames[static_cast<size_t>(first)]},
                   {"made", diagnosis.made_unix_s},
                   {"spam_messages", diagnosis.spam_messages},
                   {"findings", std::move(findings)},
                   {"advice", diagnosis.advice},
                   {"asks_for", std::move(asks_for)},
                   {"probe", nullptr}};
  if (diagnosis.probe) {
    out["probe"] = {{"at", diagnosis.probe->at_unix_s},
                    {"relay", kRelayStateNames[static_cast<size_t>(diagnosis.probe->state)]},
                    {"text", diagnosis.probe->text}};
  }
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::optional<Diagnosis> from_json(std::string_view text) {
  if (text.size() > kMostBytes) return {};
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  Reader from(object);
  Diagnosis out{.made_unix_s = from.number<uint64_t>("made"),
                .spam_messages = from.number<uint32_t>("spam_messages"),
                .advice = from.texts("advice")};
  for (const json& finding : from.array("findings")) {
    auto read = read_finding(finding);
    if (!read) return {};
    out.findings.push_back(std::move(*read));
  }
  if (!from.good() || out.findings.empty() || !object.contains("probe")) return {};
  if (const json& probe = object["probe"]; !probe.is_null()) {
    Reader said(probe);
    out.probe = RelayProbe{said.number<uint64_t>("at"),
                           said.choice<RelayState>("relay", kRelayStateNames), said.text("text")};
    if (!said.good()) return {};
  }
  return out;
}

}  // namespace postern::diagnosis
