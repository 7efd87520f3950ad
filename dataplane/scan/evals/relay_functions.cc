// Functions that ask about the relays of a message: SpamAssassin's RelayEval.
#include <algorithm>
#include <array>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/received.h"
#include "dataplane/scan/evals/evaluation.h"
#include "dataplane/scan/evals/header_functions.h"
#include "dataplane/scan/evals/relay_values.h"

namespace postern::scan::evals {
namespace {

constexpr size_t kNowhere = std::string_view::npos;

bool is_v4(std::string_view text, IpAddress& address) {
  const auto read = mime::read_address(text);
  if (!read || !read->is_v4() || text.find_first_of(":[%") != kNowhere) return false;
  address = *read;
  return true;
}

// Of the last labels of a host's name those that tell whose it is: two, or three below a short top
// level domain that is none of a few.
std::string_view site_of(std::string_view host) {
  if (std::ranges::none_of(host, mime::is_alpha)) return host;
  const size_t last = host.rfind('.');
  if (last == kNowhere) return host;
  const std::string_view top = host.substr(last + 1);
  bool two = top.size() >= 3;
  for (std::string_view known : {"ie", "fr", "de"}) two |= mime::equals_ignoring_case(top, known);
  size_t begin = host.rfind('.', last - 1);
  if (last == 0 || begin == kNowhere) return host;
  if (!two) {
    begin = begin == 0 ? kNowhere : host.rfind('.', begin - 1);
    if (begin == kNowhere) return host;
  }
  return host.substr(begin + 1);
}

// Letters and digits at both ends, and a dot within.
bool is_name(std::string_view host) {
  const auto is_word = [](char c) { return mime::is_alnum(c) || c == '_'; };
  if (host.size() < 4 || !is_word(host.front()) || !is_word(host.back())) return false;
  return host.find('.') != kNowhere &&
         std::ranges::all_of(host, [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

}  // namespace

bool all_relays_trusted(const EvalRule&, Facts& facts) {
  const Relays& relays = facts.headers.relays();
  return !relays.trusted().empty() && relays.untrusted().empty() && relays.unreadable() == 0;
}

bool no_relays(const EvalRule&, Facts& facts) {
  const Relays& relays = facts.headers.relays();
  return relays.trusted().empty() && relays.untrusted().empty() && relays.unreadable() == 0;
}

bool unreadable_relays(const EvalRule&, Facts& facts) {
  return facts.headers.relays().unreadable() > 0;
}

// A client that gave an address for its name gave another's, not even of its network.
bool helo_of_other_network(const EvalRule&, Facts& facts) {
  std::string_view relays = facts.headers.relays().untrusted();
  while (!relays.empty()) {
    const std::string_view relay = take_relay(relays);
    IpAddress helo;
    IpAddress ip;
    if (!is_v4(value_of(relay, " helo="), helo) || !is_v4(value_of(relay, "[ ip="), ip) ||
        is_private(helo) || is_private(ip)) {
      continue;
    }
    if (!std::equal(helo.v4_bytes(), helo.v4_bytes() + 3, ip.v4_bytes())) return true;
  }
  return false;
}

// More than once the host that wrote a line is not the one that the line above has it from.
bool forged_trail(const EvalRule&, Facts& facts) {
  std::string_view relays = facts.headers.relays().untrusted();
  std::string_view above;
  int mismatches = 0;
  while (!relays.empty()) {
    const std::string_view relay = take_relay(relays);
    const std::string_view by = site_of(value_of(relay, " by="));
    std::string_view from = site_of(value_of(relay, " rdns="));
    const bool msn = mime::equals_ignoring_case(by, "msn.com") &&
                     mime::equals_ignoring_case(above, "hotmail.com");
    if (is_name(by)) {
      if (is_name(above) && !mime::equals_ignoring_case(by, above) && !msn) ++mismatches;
      if ((from == "localhost" || from == "localhost.localdomain") &&
          value_of(relay, "[ ip=") == "127.0.0.1")
        from = {};
    }
    above = from;
  }
  return mismatches > 1;
}

}  // namespace postern::scan::evals
