#include "dataplane/scan/evals/senders.h"

#include <array>

#include "dataplane/mime/host_name.h"
#include "dataplane/scan/evals/relay_values.h"

namespace postern::scan::evals {
namespace {

// What is registered of the host behind "@"; empty when there is none.
std::string_view domain_of(std::string_view address, mime::HostName& room) {
  const size_t at = address.rfind('@');
  if (at == std::string_view::npos || !mime::read_host(address.substr(at + 1), &room)) return {};
  return room.is_address ? room.name.view() : mime::registrable_domain(room);
}

std::string_view first_line(std::string_view value) { return value.substr(0, value.find('\n')); }

// Calls `asked` with each address that the message names as a recipient's, as it is written, until
// it says true.
template <typename Asked>
bool any_recipient(Facts& facts, Asked&& asked) {
  const auto any_of = [&](std::string_view value) {
    while (!value.empty()) {
      const std::string_view address = first_line(value);
      value.remove_prefix(std::min(address.size() + 1, value.size()));
      if (!address.empty() && asked(address)) return true;
    }
    return false;
  };
  const std::string_view again = facts.headers.get(Field::kFirstResentToAddress);
  const std::string_view copied = facts.headers.get(Field::kFirstResentCcAddress);
  if (!again.empty() || !copied.empty()) return any_of(again) || any_of(copied);
  constexpr int kTopmost = 3;
  std::string_view received = facts.headers.get(Field::kReceived);
  for (int i = 0; i < kTopmost && !received.empty(); ++i) {
    const std::string_view line = first_line(received);
    received.remove_prefix(std::min(line.size() + 1, received.size()));
    mime::HostName host;
    if (!facts.search.found(Expression::kReceivedFor, line)) continue;
    const std::string_view address = facts.search.group(1);
    if (!domain_of(address, host).empty() && asked(address)) return true;
  }
  for (const Field field :
       {Field::kToCcAddresses, Field::kApparentlyToAddress, Field::kDeliveredToAddress,
        Field::kEnvelopeRecipientsAddress, Field::kApparentlyResentToAddress,
        Field::kXEnvelopeToAddress, Field::kEnvelopeToAddress, Field::kXDeliveredToAddress,
        Field::kXOriginalToAddress, Field::kXRcptToAddress, Field::kXRealToAddress}) {
    if (any_of(facts.headers.get(field))) return true;
  }
  return false;
}

bool in_list(const EvalRule& rule, Facts& facts, std::string_view address) {
  mime::FixedText<512> lower;
  for (char c : address) lower.append(mime::to_lower(c));
  return rule.code != nullptr && facts.search.found(rule.code.get(), lower.view());
}

uint8_t read_from_name(Facts& facts) {
  for (const uint32_t field : facts.plan->ignored_of_from_name())
    if (facts.headers.find(field).value_or("").find_first_not_of('\n') != std::string_view::npos)
      return 0;
  mime::FixedText<512> from;
  for (char c : first_line(facts.headers.get(Field::kFromAddress))) from.append(mime::to_lower(c));
  mime::HostName from_host;
  const std::string_view from_domain = domain_of(from.view(), from_host);
  if (from_domain.empty()) return 0;
  mime::FixedText<1024> name;
  for (char c : first_line(facts.headers.get(Field::kFromName))) name.append(mime::to_lower(c));
  if (!facts.search.found(Expression::kAddressInName, name.view())) return 0;
  const std::string_view shown = facts.search.group(1);
  mime::HostName shown_host;
  const std::string_view shown_domain = domain_of(shown, shown_host);
  if (shown_domain.empty()) return 0;
  uint8_t said = kNameHasAddress;
  // What stands around the address, marks counted twice: with much of it it is no sender's name.
  const auto marks = [](std::string_view text) {
    return std::ranges::count_if(text, [](char c) { return !mime::is_alnum(c); });
  };
  const auto around = static_cast<double>(name.size() - shown.size()) +
                      static_cast<double>(marks(name.view()) - marks(shown));
  if (around > facts.plan->most_around_address()) return said;
  const auto owner = [](std::string_view domain) { return domain.substr(0, domain.find('.')); };
  if (shown != from.view()) said |= kOtherAddress;
  if (shown_domain != from_domain) said |= kOtherDomain;
  if (owner(shown_domain) != owner(from_domain)) said |= kOtherOwner;
  if (mime::equals_ignoring_case(shown, first_line(facts.headers.get(Field::kReplyToAddress))))
    said |= kNameIsReplyTo;
  if (any_recipient(facts, [&](std::string_view address) { return address == shown; }))
    said |= kNameIsRecipient;
  return said;
}

uint8_t from_name(Facts& facts) {
  if (!facts.from_name) facts.from_name = read_from_name(facts);
  return *facts.from_name;
}

}  // namespace

// The host that the message came from, by its own name, is of the domain that sends it.
bool sender_of_relay(const EvalRule&, Facts& facts) {
  const std::string_view sender = facts.headers.get(Field::kEnvelopeFrom);
  const size_t at = sender.find('@');
  if (at == std::string_view::npos || sender.find('@', at + 1) != std::string_view::npos)
    return false;
  mime::HostName sender_host;
  const std::string_view domain = domain_of(sender, sender_host);
  if (domain.empty()) return false;
  // Trusted ones are asked only when there is no other.
  const Relays& relays = facts.headers.relays();
  const bool first_only = !relays.untrusted().empty();
  std::string_view rest = first_only ? relays.untrusted() : relays.trusted();
  while (!rest.empty()) {
    const std::string_view name = value_of(take_relay(rest), " rdns=");
    mime::HostName host;
    if (!name.empty() && mime::read_host(name, &host) &&
        (host.is_address ? host.name.view() : mime::registrable_domain(host)) == domain) {
      return true;
    }
    if (first_only) return false;
  }
  return false;
}

bool sender_in_list(const EvalRule& rule, Facts& facts) {
  return any_sender(facts, [&](std::string_view address) { return in_list(rule, facts, address); });
}

bool recipient_in_list(const EvalRule& rule, Facts& facts) {
  return any_recipient(facts,
                       [&](std::string_view address) { return in_list(rule, facts, address); });
}

bool reply_to_in_list(const EvalRule& rule, Facts& facts) {
  const std::string_view address = first_line(facts.headers.get(Field::kReplyToAddress));
  return !address.empty() && in_list(rule, facts, address);
}

bool from_name_spoof(const EvalRule& rule, Facts& facts) {
  constexpr std::array<uint8_t, 3> kLevels{0, kOtherOwner, kOtherDomain};
  const uint8_t said = from_name(facts);
  const double level = rule.arguments > 0 ? rule.numbers[0] : facts.plan->from_name_level();
  const size_t chosen = level == 0 ? 0 : level == 2 ? 2 : 1;
  return (said & kOtherAddress) != 0 && (said & kLevels[chosen]) == kLevels[chosen];
}

template <uint8_t kBit>
bool from_name_has(const EvalRule&, Facts& facts) {
  return (from_name(facts) & kBit) != 0;
}
template bool from_name_has<kNameHasAddress>(const EvalRule&, Facts&);
template bool from_name_has<kOtherAddress>(const EvalRule&, Facts&);
template bool from_name_has<kOtherDomain>(const EvalRule&, Facts&);
template bool from_name_has<kOtherOwner>(const EvalRule&, Facts&);
template bool from_name_has<kNameIsRecipient>(const EvalRule&, Facts&);
template bool from_name_has<kNameIsReplyTo>(const EvalRule&, Facts&);

}  // namespace postern::scan::evals
