// Who a message says it is from and for: addresses in lists, and an address shown as a name
// (SpamAssassin's WLBLEval and FromNameSpoof).
#pragma once

#include <string_view>

#include "dataplane/scan/evals/address_lines.h"
#include "dataplane/scan/evals/evaluation.h"

namespace postern::scan::evals {

// Calls `asked` with each address that the message names as its sender's, in small letters, until
// it says true: of who sent it again alone, when it was.
template <typename Asked>
bool any_sender(Facts& facts, Asked&& asked) {
  const std::string_view again = facts.headers.get(Field::kFirstResentFromAddress);
  if (!again.empty()) {
    AddressLines lines(again);
    while (lines.next())
      if (asked(lines.address())) return true;
    return false;
  }
  for (const Field field :
       {Field::kFromAddress, Field::kEnvelopeSenderAddress, Field::kResentSenderAddress,
        Field::kXEnvelopeFromAddress, Field::kEnvelopeFrom}) {
    AddressLines lines(facts.headers.get(field), true);
    while (lines.next())
      if (asked(lines.address())) return true;
  }
  return false;
}

// What an address shown as the sender's name says, as bits.
enum FromName : uint8_t {
  kNameHasAddress = 1 << 0,
  kOtherAddress = 1 << 1,
  kOtherDomain = 1 << 2,
  kOtherOwner = 1 << 3,
  kNameIsRecipient = 1 << 4,
  kNameIsReplyTo = 1 << 5,
};
bool from_name_spoof(const EvalRule& rule, Facts& facts);
template <uint8_t kBit>
bool from_name_has(const EvalRule& rule, Facts& facts);

bool sender_of_relay(const EvalRule& rule, Facts& facts);
bool sender_in_list(const EvalRule& rule, Facts& facts);
bool recipient_in_list(const EvalRule& rule, Facts& facts);
bool reply_to_in_list(const EvalRule& rule, Facts& facts);

}  // namespace postern::scan::evals
