// What clients write, read: query parameters and JSON bodies become requests to the desks.
//
// Only the form is judged here: types, names, units. Whether a prefix or a reason makes sense the
// desks say, as they say it to the command line. A name that is not known is an error, so that
// nothing is silently left out. Every error is a text for the client.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>

#include "control/channel/cases.pb.h"
#include "control/channel/operator.pb.h"
#include "control/channel/tokens.pb.h"

namespace postern::api {

template <typename T>
using Parsed = std::expected<T, std::string>;

using Parameters = std::map<std::string, std::string, std::less<>>;

struct Page {
  uint32_t limit = 0;
  uint32_t offset = 0;
};

// Query parameters.
struct SendersQuestion {
  channel::v1::ListSendersRequest request = {};
  Page page = {};
  bool hours = false;  // what each sent hour by hour comes along
};
Parsed<SendersQuestion> ask_senders(const Parameters& parameters);
Parsed<channel::v1::ShowSenderRequest> ask_sender(const Parameters& parameters);  // but the address
struct CasesQuestion {
  channel::v1::ListCasesRequest request = {};
  Page page = {};
};
Parsed<CasesQuestion> ask_cases(const Parameters& parameters);
Parsed<channel::v1::ShowCaseRequest> ask_case(const Parameters& parameters);  // but the reference
Parsed<channel::v1::ListEventsRequest> ask_events(const Parameters& parameters);
struct VerdictsQuestion {
  std::string within = {};
  std::string after = {};  // the last reply's `next`; empty: from the first on
  uint32_t limit = 0;
};
Parsed<VerdictsQuestion> ask_verdicts(const Parameters& parameters);
Parsed<channel::v1::ShowVerdictRequest> ask_verdict(const Parameters& parameters);
Parsed<channel::v1::ListAuditRequest> ask_audit(const Parameters& parameters);
// Of a question that has none.
Parsed<void> ask_nothing(const Parameters& parameters);

// JSON bodies. None of the requests has its author yet.
Parsed<std::string> read_login(std::string_view body);  // the token
Parsed<channel::v1::SetVerdictRequest> read_set_verdict(std::string_view body);
Parsed<channel::v1::ClearVerdictRequest> read_clear_verdict(std::string_view body);
Parsed<channel::v1::CaseRequest> read_case_change(std::string_view body);
struct CustomersWord {
  std::string who = {};
  std::string text = {};
};
Parsed<CustomersWord> read_customers_word(std::string_view body);
Parsed<channel::v1::RestoreCaseRequest> read_restore(std::string_view body);
Parsed<channel::v1::LinkCaseRequest> read_link(std::string_view body);
Parsed<channel::v1::PutCustomerRequest> read_customer(std::string_view body);
Parsed<channel::v1::LoadSignaturesRequest> read_signature_order(std::string_view body);
Parsed<channel::v1::AddTokenRequest> read_token(std::string_view body);
Parsed<void> read_empty(std::string_view body);  // nothing, or {}

// "7F3A00KX1M".
Parsed<uint64_t> read_case_reference(std::string_view text);
Parsed<uint64_t> read_number(std::string_view text);

}  // namespace postern::api
