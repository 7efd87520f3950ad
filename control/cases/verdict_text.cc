#include "control/cases/verdict_text.h"

#include <nlohmann/json.hpp>

#include "control/channel/treatment.h"

namespace postern::cases {

using nlohmann::json;

std::string verdict_text(const ledger::Verdict& verdict) {
  return json{{"prefix", verdict.prefix.to_string()},
              {"switch", channel::switch_name(verdict.of)},
              {"part", verdict.part.to_string()},
              {"treatment", channel::treatment_name(verdict.treatment)},
              {"messages_per_minute", verdict.messages_per_minute},
              {"case", verdict.case_reference.number},
              {"reason", verdict.reason},
              {"author", verdict.author},
              {"set_at", verdict.set_unix_s},
              {"expires_at", verdict.expires_unix_s},
              {"starttls", channel::starttls_name(verdict.starttls)}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<ledger::Verdict> read_verdict(const std::string& text) {
  try {
    const json object = json::parse(text);
    const auto prefix = IpPrefix::parse(object.at("prefix").get<std::string>());
    const auto of = channel::parse_switch(object.at("switch").get<std::string>());
    const auto treatment = channel::parse_treatment(object.at("treatment").get<std::string>());
    const auto starttls = channel::parse_starttls(object.at("starttls").get<std::string>());
    const auto part = ledger::Part::parse(object.value("part", ""));
    if (!prefix || !of || !treatment || !starttls || !part) return {};
    return ledger::Verdict{.prefix = *prefix,
                           .treatment = *treatment,
                           .messages_per_minute = object.at("messages_per_minute").get<uint32_t>(),
                           .case_reference = {object.at("case").get<uint64_t>()},
                           .reason = object.at("reason").get<std::string>(),
                           .author = object.at("author").get<std::string>(),
                           .set_unix_s = object.at("set_at").get<uint64_t>(),
                           .expires_unix_s = object.at("expires_at").get<uint64_t>(),
                           .starttls = *starttls,
                           .of = *of,
                           .part = *part};
  } catch (const json::exception&) {
    return {};
  }
}

}  // namespace postern::cases
