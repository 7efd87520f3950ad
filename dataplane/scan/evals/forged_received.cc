// Whether a message that says it is of a big mail service came through that service's servers.
#include <algorithm>

#include "dataplane/mime/ascii.h"
#include "dataplane/scan/evals/evaluation.h"
#include "dataplane/scan/evals/header_functions.h"

namespace postern::scan::evals {
namespace {

using E = Expression;

// What the Received fields say, on one line.
class ReceivedLine {
 public:
  explicit ReceivedLine(std::string_view received) {
    bool blank = false;
    for (char c : received) {
      const bool space = mime::is_space(c);
      if (!space || !blank) text_.append(space ? ' ' : c);
      blank = space;
    }
  }
  std::string_view view() const { return text_.view(); }

 private:
  mime::FixedText<HeaderFields::kQuotaBytes> text_;
};

bool from_matches(Facts& facts, E address) {
  return facts.search.found(address, facts.headers.get(Field::kFromAddress));
}

bool has_ip(Facts& facts, Field field) {
  return facts.search.found(E::kAddress, facts.headers.get(field));
}

bool gated(Facts& facts) {
  HeaderTexts& headers = facts.headers;
  const auto received = headers.find(Field::kReceived);
  if (facts.search.found(E::kEzmlm, headers.get(Field::kMailingList)) &&
      facts.search.found(E::kEzmlmDeliveredTo, headers.get(Field::kDeliveredTo)) &&
      facts.search.found(E::kQmailInvoked, received.value_or(""))) {
    return true;
  }
  return !received || facts.search.found(E::kMsnGroups, *received);
}

enum class Hotmail : uint8_t { kFine, kForged, kMissing };

Hotmail hotmail(Facts& facts) {
  Searcher& search = facts.search;
  const ReceivedLine received(facts.headers.get(Field::kReceived));
  const std::string_view text = received.view();
  if (search.found(E::kHotmailPickup, text)) return Hotmail::kFine;
  const bool ip = has_ip(facts, Field::kOriginatingIp);
  const bool org = search.found(E::kHotmailOrigin, facts.headers.get(Field::kOriginatorOrg));
  if (gated(facts)) return Hotmail::kFine;
  if (ip && search.found(E::kHotmailWithIp, text)) return Hotmail::kFine;
  if (org && search.found(E::kHotmailWithOrg, text)) return Hotmail::kFine;
  if (search.found(E::kHotmailHelo, text)) return Hotmail::kForged;
  return from_matches(facts, E::kHotmailAddress) ? Hotmail::kMissing : Hotmail::kFine;
}

}  // namespace

bool gated_through_remover(const EvalRule&, Facts& facts) { return gated(facts); }

bool fake_aol_relay(const EvalRule&, Facts& facts) {
  const ReceivedLine received(facts.headers.get(Field::kReceived));
  return facts.search.found(E::kAolRelay, received.view()) &&
         !facts.search.found(E::kAolIdentity, received.view());
}

bool forged_hotmail(const EvalRule&, Facts& facts) { return hotmail(facts) == Hotmail::kForged; }
bool no_hotmail(const EvalRule&, Facts& facts) { return hotmail(facts) == Hotmail::kMissing; }

bool forged_eudoramail(const EvalRule&, Facts& facts) {
  if (!from_matches(facts, E::kEudoramailAddress) || gated(facts)) return false;
  const ReceivedLine received(facts.headers.get(Field::kReceived));
  return !(has_ip(facts, Field::kSenderIp) && facts.search.found(E::kWhowhere, received.view()));
}

bool forged_juno(const EvalRule&, Facts& facts) {
  if (!from_matches(facts, E::kJunoAddress) || gated(facts)) return false;
  const std::string_view origin = facts.headers.get(Field::kOriginatingIp);
  const std::string_view mailer = facts.headers.get(Field::kMailer);
  const std::string_view received = facts.headers.get(Field::kReceived);
  if (!origin.empty())
    return !facts.search.found(E::kJunoRelay, received) || mailer.find("Juno ") == mailer.npos;
  // Without that field nothing that is right remains: SpamAssassin wants an address in it.
  return true;
}

bool forged_gmail(const EvalRule&, Facts& facts) {
  constexpr size_t kLongState = 60;
  if (!from_matches(facts, E::kGmailAddress)) return false;
  if (facts.search.found(E::kGoogleReceived, facts.headers.get(Field::kXReceived)) ||
      facts.search.found(E::kGoogleSubmission, facts.headers.get(Field::kReceived))) {
    return false;
  }
  return facts.headers.get(Field::kGmMessageState).size() < kLongState ||
         facts.headers.get(Field::kGoogleSource).size() < kLongState;
}

// Unless the relay that is to be believed is theirs: their own bounces.
bool forged_yahoo(const EvalRule&, Facts& facts) {
  HeaderTexts& headers = facts.headers;
  if (!from_matches(facts, E::kYahooAddress)) return false;
  std::string_view fields = headers.get(Field::kReceived);
  if (!headers.get(Field::kResentFrom).empty() && !headers.get(Field::kResentTo).empty()) {
    const std::string_view earlier = headers.get(Field::kXReceived);
    if (!earlier.empty()) fields = earlier;
  }
  if (gated(facts)) return false;
  const auto is_theirs = [](std::string_view relay) {
    const size_t at = relay.find(" rdns=");
    if (at == relay.npos) return false;
    const std::string_view name = relay.substr(at + 6, relay.find(' ', at + 6) - at - 6);
    return name.size() > 10 && name.ends_with(".yahoo.com");
  };
  const std::string_view untrusted = headers.relays().untrusted();
  if (is_theirs(untrusted.substr(0, untrusted.find(']')))) return false;
  for (std::string_view rest = headers.relays().trusted(); !rest.empty();) {
    const size_t end = std::min(rest.find(']'), rest.size() - 1);
    if (is_theirs(rest.substr(0, end))) return false;
    rest.remove_prefix(end + 1);
  }
  const ReceivedLine received(fields);
  if (facts.search.found(E::kYahooRelay, received.view())) return false;
  return !(facts.search.found(E::kYahooBulk, received.view()) &&
           from_matches(facts, E::kYahooReply));
}

}  // namespace postern::scan::evals
