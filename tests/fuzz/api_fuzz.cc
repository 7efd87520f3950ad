// Query parameters and JSON bodies as clients send them. The first octet chooses the question.
#include <cstdint>
#include <string>
#include <string_view>

#include "control/api/access.h"
#include "control/api/questions.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* octets, size_t size) {
  using namespace postern::api;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(octets + 1), size - 1);
  // "name=value" lines.
  Parameters parameters;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view pair = text.substr(at, end - at);
    const size_t equals = std::min(pair.find('='), pair.size());
    parameters.emplace(pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size())));
    at = end + 1;
  }
  // What was read must be fit to be sent: protobuf takes only UTF-8.
  const auto check = [](const auto& parsed) {
    if (!parsed) return;
    std::remove_cvref_t<decltype(*parsed)> back;
    if (!back.ParseFromString(parsed->SerializeAsString())) __builtin_trap();
  };
  switch (octets[0] % 20) {
    case 0:
      check(read_set_verdict(text));
      break;
    case 1:
      check(read_clear_verdict(text));
      break;
    case 2:
      check(read_case_change(text));
      break;
    case 3:
      check(read_restore(text));
      break;
    case 4:
      check(read_link(text));
      break;
    case 5:
      check(read_customer(text));
      break;
    case 6:
      check(read_signature_order(text));
      break;
    case 7:
      check(read_token(text));
      break;
    case 8:
      (void)read_customers_word(text);
      break;
    case 9:
      (void)read_login(text);
      break;
    case 10:
      (void)read_empty(text);
      break;
    case 11:
      if (const auto found = ask_senders(parameters)) {
        if (found->page.limit == 0 || found->request.limit() > 10'001) __builtin_trap();
      }
      break;
    case 12:
      check(ask_sender(parameters));
      break;
    case 13:
      (void)ask_cases(parameters);
      break;
    case 14:
      check(ask_case(parameters));
      break;
    case 15:
      check(ask_events(parameters));
      break;
    case 16:
      (void)ask_verdicts(parameters);
      break;
    case 17:
      check(ask_verdict(parameters));
      break;
    case 18:
      check(ask_audit(parameters));
      break;
    case 19:
      (void)cookie_value(text, "postern_session");
      (void)bearer_token(text);
      (void)read_case_reference(text);
      break;
  }
  return 0;
}
