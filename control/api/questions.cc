#include "control/api/questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "base/case_reference.h"
#include "base/duration.h"
#include "control/channel/treatment.h"

namespace postern::api {
namespace {

using namespace channel::v1;
using nlohmann::json;

constexpr uint32_t kUsualPage = 50;
constexpr uint32_t kLargestPage = 1'000;
constexpr uint32_t kFarthestOffset = 9'000;
constexpr size_t kLongestParameter = 500;
constexpr size_t kMostElements = 10'000;

bool is_utf8(const std::string& text) {
  try {
    (void)json(text).dump();
    return true;
  } catch (const json::exception&) {
    return false;
  }
}

// What remembers the first mistake, so that a question reads as the list of what may stand in it.
class Reader {
 public:
  void mistake(std::string text) {
    if (mistake_.empty()) mistake_ = std::move(text);
  }
  template <typename T>
  Parsed<T> result(T value) const {
    if (!mistake_.empty()) return std::unexpected(mistake_);
    return value;
  }
  Parsed<void> result() const {
    if (!mistake_.empty()) return std::unexpected(mistake_);
    return {};
  }

 private:
  std::string mistake_;
};

class QueryReader : public Reader {
 public:
  explicit QueryReader(const Parameters& parameters) : parameters_(parameters) {}

  std::string text(std::string_view name) {
    known_.insert(name);
    const auto found = parameters_.find(name);
    if (found == parameters_.end()) return "";
    if (found->second.size() > kLongestParameter || !is_utf8(found->second)) {
      mistake(fmt::format("{} is not {} bytes of UTF-8 at most", name, kLongestParameter));
      return "";
    }
    return found->second;
  }
  uint64_t number(std::string_view name, uint64_t otherwise, uint64_t most) {
    const std::string written = text(name);
    if (written.empty()) return otherwise;
    const auto value = read_number(written);
    if (!value || *value > most) {
      mistake(fmt::format("{} is a number up to {}", name, most));
      return otherwise;
    }
    return *value;
  }
  bool boolean(std::string_view name) {
    const std::string written = text(name);
    if (written != "" && written != "true" && written != "false")
      mistake(fmt::format("{} is true or false", name));
    return written == "true";
  }
  // Seconds since the Unix epoch.
  uint64_t unix_s(std::string_view name) { return number(name, 0, uint64_t{1} << 40); }
  Page page() {
    return {static_cast<uint32_t>(std::max<uint64_t>(number("limit", kUsualPage, kLargestPage), 1)),
            static_cast<uint32_t>(number("offset", 0, kFarthestOffset))};
  }
  uint64_t case_reference(std::string_view name) {
    const std::string written = text(name);
    if (written.empty()) return 0;
    const auto value = read_case_reference(written);
    if (!value) mistake(value.error());
    return value.value_or(0);
  }
  template <typename T>
  Parsed<T> done(T value) {
    check_names();
    return result(std::move(value));
  }
  Parsed<void> done() {
    check_names();
    return result();
  }

 private:
  void check_names() {
    for (const auto& [name, value] : parameters_) {
      if (!known_.contains(name)) {
        mistake(known_.empty() ? "this takes no parameters"
                               : fmt::format("one parameter is not known; there are {}",
                                             fmt::join(known_, ", ")));
      }
    }
  }

  const Parameters& parameters_;
  std::set<std::string_view> known_;
};

class BodyReader : public Reader {
 public:
  explicit BodyReader(std::string_view body) {
    object_ = body.empty() ? json::object() : json::parse(body, nullptr, false);
    if (!object_.is_object()) {
      mistake("the body is not one JSON object");
      object_ = json::object();
    }
  }
  // Of an object inside another.
  explicit BodyReader(const json& object) : object_(object) {
    if (!object_.is_object()) {
      mistake("a JSON object is expected");
      object_ = json::object();
    }
  }

  std::string text(std::string_view name) {
    const json* value = find(name);
    if (value == nullptr) return "";
    if (!value->is_string()) {
      mistake(fmt::format("{} is a text", name));
      return "";
    }
    return value->get<std::string>();
  }
  uint64_t number(std::string_view name, uint64_t most) {
    const json* value = find(name);
    if (value == nullptr) return 0;
    if (!value->is_number_unsigned() || value->get<uint64_t>() > most) {
      mistake(fmt::format("{} is a whole number up to {}", name, most));
      return 0;
    }
    return value->get<uint64_t>();
  }
  uint32_t number32(std::string_view name) {
    return static_cast<uint32_t>(number(name, std::numeric_limits<uint32_t>::max()));
  }
  bool boolean(std::string_view name) {
    const json* value = find(name);
    if (value == nullptr) return false;
    if (!value->is_boolean()) mistake(fmt::format("{} is true or false", name));
    return value->is_boolean() && value->get<bool>();
  }
  // "4h", "30m": whole seconds; 0 when it is not there.
  uint64_t seconds(std::string_view name) {
    const std::string written = text(name);
    if (written.empty()) return 0;
    const auto time = parse_duration(written);
    if (!time || time->count() <= 0) {
      mistake(fmt::format("{} is a time such as \"30m\", \"4h\" or \"7d\"", name));
      return 0;
    }
    return static_cast<uint64_t>(std::chrono::ceil<std::chrono::seconds>(*time).count());
  }
  const json& list(std::string_view name) {
    static const json kNone = json::array();
    const json* value = find(name);
    if (value == nullptr) return kNone;
    if (!value->is_array() || value->size() > kMostElements) {
      mistake(fmt::format("{} is a list", name));
      return kNone;
    }
    return *value;
  }
  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> out;
    for (const json& element : list(name)) {
      if (element.is_string()) {
        out.push_back(element.get<std::string>());
      } else {
        mistake(fmt::format("{} is a list of texts", name));
      }
    }
    return out;
  }
  // An object inside it; nothing written: an empty one.
  json object(std::string_view name) {
    const json* value = find(name);
    return value == nullptr ? json::object() : *value;
  }
  template <typename Value, size_t N>
  Value choice(std::string_view name, const std::array<channel::Named<Value>, N>& table,
               Value otherwise) {
    const std::string written = text(name);
    if (written.empty()) return otherwise;
    if (const auto value = channel::value_in(table, written)) return *value;
    std::string names;
    for (const auto& row : table) names += fmt::format("{}{}", names.empty() ? "" : ", ", row.name);
    mistake(fmt::format("{} is one of {}", name, names));
    return otherwise;
  }
  template <typename T>
  Parsed<T> done(T value) {
    check_names();
    return result(std::move(value));
  }
  Parsed<void> done() {
    check_names();
    return result();
  }

 private:
  // Null counts as not there.
  const json* find(std::string_view name) {
    known_.insert(std::string(name));
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  void check_names() {
    for (const auto& row : object_.items()) {
      if (!known_.contains(row.key())) {
        mistake(known_.empty()
                    ? "this takes no fields"
                    : fmt::format("one field is not known; there are {}", fmt::join(known_, ", ")));
      }
    }
  }

  json object_;
  std::set<std::string> known_;
};

CustomerContact read_contact(const json& element, Reader& outer) {
  BodyReader in(element);
  CustomerContact out;
  out.set_name(in.text("name"));
  out.set_email(in.text("email"));
  if (const auto fine = in.done(); !fine) outer.mistake("contacts: " + fine.error());
  return out;
}

}  // namespace

Parsed<uint64_t> read_number(std::string_view text) {
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || after != end) return std::unexpected("this is no whole number");
  return value;
}

Parsed<uint64_t> read_case_reference(std::string_view text) {
  const auto reference = CaseReference::parse(text);
  if (!reference || !*reference)
    return std::unexpected("a case is named by its reference, such as 7F3A00KX1M");
  return reference->number;
}

Parsed<SendersQuestion> ask_senders(const Parameters& parameters) {
  QueryReader in(parameters);
  SendersQuestion out;
  out.request.set_since_unix_s(in.unix_s("since"));
  out.request.set_order(in.text("order"));
  out.request.set_within(in.text("within"));
  out.page = in.page();
  out.hours = in.boolean("hours");
  out.request.set_limit(out.page.limit + out.page.offset + 1);
  return in.done(std::move(out));
}

Parsed<ShowSenderRequest> ask_sender(const Parameters& parameters) {
  QueryReader in(parameters);
  ShowSenderRequest out;
  out.set_since_unix_s(in.unix_s("since"));
  return in.done(std::move(out));
}

Parsed<CasesQuestion> ask_cases(const Parameters& parameters) {
  QueryReader in(parameters);
  CasesQuestion out;
  out.request.set_state(in.text("state"));
  out.request.set_only_unclosed(in.boolean("unclosed"));
  out.request.set_customer(in.number("customer", 0, std::numeric_limits<int64_t>::max()));
  out.request.set_within(in.text("within"));
  out.page = in.page();
  out.request.set_limit(out.page.limit + out.page.offset + 1);
  return in.done(std::move(out));
}

Parsed<ShowCaseRequest> ask_case(const Parameters& parameters) {
  QueryReader in(parameters);
  ShowCaseRequest out;
  out.set_evidence(static_cast<uint32_t>(in.number("evidence", 0, kLargestPage)));
  return in.done(std::move(out));
}

Parsed<ListEventsRequest> ask_events(const Parameters& parameters) {
  QueryReader in(parameters);
  ListEventsRequest out;
  out.set_client(in.text("client"));
  out.set_case_reference(in.case_reference("case"));
  out.set_outcome(in.text("outcome"));
  out.set_limit(static_cast<uint32_t>(in.number("limit", kUsualPage, kLargestPage)));
  return in.done(std::move(out));
}

Parsed<VerdictsQuestion> ask_verdicts(const Parameters& parameters) {
  QueryReader in(parameters);
  VerdictsQuestion out{.within = in.text("within"), .after = in.text("after")};
  out.limit =
      static_cast<uint32_t>(std::max<uint64_t>(in.number("limit", kUsualPage, kLargestPage), 1));
  return in.done(std::move(out));
}

Parsed<ShowVerdictRequest> ask_verdict(const Parameters& parameters) {
  QueryReader in(parameters);
  ShowVerdictRequest out;
  out.set_prefix(in.text("prefix"));
  return in.done(std::move(out));
}

Parsed<ListAuditRequest> ask_audit(const Parameters& parameters) {
  QueryReader in(parameters);
  ListAuditRequest out;
  out.set_author(in.text("author"));
  out.set_subject(in.text("subject"));
  out.set_limit(static_cast<uint32_t>(in.number("limit", 100, kLargestPage)));
  return in.done(std::move(out));
}

Parsed<void> ask_nothing(const Parameters& parameters) { return QueryReader(parameters).done(); }

Parsed<std::string> read_login(std::string_view body) {
  BodyReader in(body);
  std::string token = in.text("token");
  return in.done(std::move(token));
}

Parsed<SetVerdictRequest> read_set_verdict(std::string_view body) {
  BodyReader in(body);
  SetVerdictRequest out;
  out.set_prefix(in.text("prefix"));
  out.set_of(in.choice("switch", channel::kSwitches, SWITCH_TREATMENT));
  out.set_treatment(in.choice("treatment", channel::kTreatments, TREATMENT_UNSPECIFIED));
  out.set_starttls(in.choice("starttls", channel::kStartTls, START_TLS_AS_POLICY));
  out.set_messages_per_minute(in.number32("messages_per_minute"));
  out.set_reason(in.text("reason"));
  out.set_part(in.text("part"));
  out.set_for_seconds(in.seconds("for"));
  if (const std::string reference = in.text("case"); !reference.empty()) {
    const auto number = read_case_reference(reference);
    if (!number) in.mistake(number.error());
    out.set_case_reference(number.value_or(0));
  }
  return in.done(std::move(out));
}

Parsed<ClearVerdictRequest> read_clear_verdict(std::string_view body) {
  BodyReader in(body);
  ClearVerdictRequest out;
  out.set_prefix(in.text("prefix"));
  out.set_of(in.choice("switch", channel::kSwitches, SWITCH_TREATMENT));
  out.set_part(in.text("part"));
  out.set_reason(in.text("reason"));
  return in.done(std::move(out));
}

Parsed<CaseRequest> read_case_change(std::string_view body) {
  BodyReader in(body);
  CaseRequest out;
  out.set_text(in.text("text"));
  return in.done(std::move(out));
}

Parsed<CustomersWord> read_customers_word(std::string_view body) {
  BodyReader in(body);
  CustomersWord out{.who = in.text("who"), .text = in.text("text")};
  if (out.who.empty() || out.who.size() > 100)
    in.mistake("say who you are: a name or an e-mail address, of 100 bytes at most");
  return in.done(std::move(out));
}

Parsed<RestoreCaseRequest> read_restore(std::string_view body) {
  BodyReader in(body);
  RestoreCaseRequest out;
  for (const std::string& name : in.texts("switches")) {
    if (const auto of = channel::parse_switch(name)) {
      out.add_switches(*of);
    } else {
      in.mistake("switches are smorf-block, trusted-relay, range-exclusion");
    }
  }
  out.set_although_red(in.boolean("although_red"));
  return in.done(std::move(out));
}

Parsed<LinkCaseRequest> read_link(std::string_view body) {
  BodyReader in(body);
  LinkCaseRequest out;
  out.set_for_seconds(in.seconds("for"));
  return in.done(std::move(out));
}

// The same names as in channel::to_json(Customer); what only the server says is taken and left.
Parsed<PutCustomerRequest> read_customer(std::string_view body) {
  BodyReader in(body);
  PutCustomerRequest out;
  Customer& customer = *out.mutable_customer();
  customer.set_name(in.text("name"));
  customer.set_language(in.text("language"));
  for (const json& element : in.list("contacts"))
    *customer.add_contacts() = read_contact(element, in);
  for (std::string& prefix : in.texts("prefixes")) customer.add_prefixes(std::move(prefix));
  BodyReader channels(in.object("channels"));
  customer.set_email(channels.boolean("email"));
  customer.set_arf(channels.boolean("arf"));
  customer.set_xarf(channels.boolean("xarf"));
  customer.set_webhook_url(channels.text("webhook_url"));
  customer.set_webhook_secret(channels.text("webhook_secret"));
  out.set_keep_webhook_secret(customer.webhook_secret().empty());
  (void)channels.boolean("webhook_signed");
  customer.set_digest_minutes(channels.number32("digest_minutes"));
  if (const auto fine = channels.done(); !fine) in.mistake("channels: " + fine.error());
  BodyReader limits(in.object("limits"));
  customer.set_messages_per_day(
      limits.number("messages_per_day", std::numeric_limits<int64_t>::max()));
  customer.set_messages_per_minute(limits.number32("messages_per_minute"));
  customer.set_exempt(limits.boolean("exempt"));
  if (const auto fine = limits.done(); !fine) in.mistake("limits: " + fine.error());
  customer.set_notes(in.text("notes"));
  (void)in.number("id", std::numeric_limits<int64_t>::max());
  (void)in.text("created");
  (void)in.text("changed");
  return in.done(std::move(out));
}

Parsed<LoadSignaturesRequest> read_signature_order(std::string_view body) {
  static constexpr std::array<channel::Named<SignatureAction>, 5> kActions{{
      {SIGNATURE_ACTION_LOAD, "load", ""},
      {SIGNATURE_ACTION_SHADOW, "shadow", ""},
      {SIGNATURE_ACTION_SHADOW_OFF, "shadow-off", ""},
      {SIGNATURE_ACTION_UNLOAD, "unload", ""},
      {SIGNATURE_ACTION_ROLLBACK, "rollback", ""},
  }};
  BodyReader in(body);
  LoadSignaturesRequest out;
  out.set_action(in.choice("action", kActions, SIGNATURE_ACTION_UNSPECIFIED));
  if (out.action() == SIGNATURE_ACTION_UNSPECIFIED)
    in.mistake("action is one of load, shadow, shadow-off, unload, rollback");
  out.set_sha256(in.text("sha256"));
  for (std::string& gate : in.texts("gates")) out.add_gates(std::move(gate));
  return in.done(std::move(out));
}

Parsed<AddTokenRequest> read_token(std::string_view body) {
  BodyReader in(body);
  AddTokenRequest out;
  out.set_name(in.text("name"));
  out.set_role(in.text("role"));
  out.set_for_seconds(in.seconds("for"));
  return in.done(std::move(out));
}

Parsed<void> read_empty(std::string_view body) { return BodyReader(body).done(); }

}  // namespace postern::api
