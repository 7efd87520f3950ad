#include "dataplane/scan/relays.h"

#include <algorithm>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/received.h"

namespace postern::scan {
namespace {

using mime::equals_ignoring_case;
using mime::is_space;

constexpr size_t kNowhere = std::string_view::npos;

// Appends within a fixed room; what could end a relay is written as "!".
class Writer {
 public:
  Writer(char* out, size_t room) : out_(out), room_(room) {}
  void put(std::string_view text) {
    for (char c : text) put(c);
  }
  void put_value(std::string_view name, std::string_view value) {
    put(name);
    for (char c : value) {
      const bool forbidden =
          is_space(c) || c == '\0' || std::string_view("#[]()<>|").find(c) != kNowhere;
      put(forbidden ? '!' : c);
    }
  }
  // Where SpamAssassin takes the text as it is: only what could pass for another relay is replaced.
  void put_word(std::string_view text) {
    for (char c : text) put(c == '[' || c == ']' ? '!' : c);
  }
  size_t made() const { return made_; }
  bool overflowed() const { return made_ > room_; }

 private:
  void put(char c) {
    if (made_ < room_) out_[made_] = c;
    ++made_;
  }
  char* out_;
  size_t room_;
  size_t made_ = 0;
};

// In the order in which SpamAssassin asks them (originating_ip_headers of its rules).
constexpr std::array<std::string_view, 6> kOriginFieldNames{
    "X-Yahoo-Post-IP",   "X-Originating-IP",
    "X-Apparently-From", "X-SenderIP",
    "X-AOL-IP",          "X-MS-Exchange-CrossTenant-OriginalAttributedTenantConnectingIp"};

}  // namespace

bool is_private(const IpAddress& address) {
  const uint8_t* v6 = address.bytes().data();
  if (!address.is_v4()) {
    const bool loopback = std::all_of(v6, v6 + 15, [](uint8_t b) { return b == 0; }) && v6[15] == 1;
    return loopback || (v6[0] & 0xfe) == 0xfc || (v6[0] == 0xfe && (v6[1] & 0xc0) == 0x80);
  }
  const uint8_t* v4 = address.v4_bytes();
  return v4[0] == 10 || v4[0] == 127 || (v4[0] == 169 && v4[1] == 254) ||
         (v4[0] == 172 && (v4[1] & 0xf0) == 16) || (v4[0] == 192 && v4[1] == 168) ||
         (v4[0] == 100 && (v4[1] & 0xc0) == 64);
}

Relays::Relays()
    : trusted_{std::make_unique_for_overwrite<char[]>(kTextBytes)},
      untrusted_{std::make_unique_for_overwrite<char[]>(kTextBytes)} {}

void Relays::begin() {
  in_trusted_ = true;
  trusted_.used = untrusted_.used = 0;
  unreadable_ = 0;
  any_untrusted_ = first_untrusted_.known = last_trusted_.known = finished_ = false;
  for (auto& origin : origins_) origin.clear();
}

void Relays::field(std::string_view name, std::string_view value) {
  if (equals_ignoring_case(name, "Received")) {
    std::array<char, kLineBytes> line;
    size_t length = 0;
    for (char c : mime::trim(value)) {
      if (length == line.size()) break;
      if (is_space(c)) c = ' ';
      if (c != ' ' || length == 0 || line[length - 1] != ' ') line[length++] = c;
      // "(a.example [192.0.2.7])by b.example"
      constexpr std::string_view kJoined = ")by ";
      if (length + 1 < line.size() && std::string_view(line.data(), length).ends_with(kJoined)) {
        std::copy_n(" by ", 4, line.data() + length - 3);
        ++length;
      }
    }
    const auto relay = read_relay({line.data(), length});
    if (relay) {
      add(*relay);
    } else if (relay.error() == NoRelay::kUnreadable) {
      ++unreadable_;
    }
    return;
  }
  for (size_t i = 0; i < kOriginFields; ++i) {
    if (!equals_ignoring_case(name, kOriginFieldNames[i])) continue;
    origins_[i].clear();
    for (size_t at = 0; at < value.size(); ++at) {
      const size_t end =
          std::min(value.find_first_not_of("0123456789abcdefABCDEF.:", at), value.size());
      IpAddress address;
      const std::string_view text = relay_address(value.substr(at, end - at), address);
      if (!text.empty()) {
        origins_[i].assign(text);
        break;
      }
      at = end;
    }
  }
}

void Relays::finish() {
  if (finished_) return;
  finished_ = true;
  for (const auto& origin : origins_) {
    Relay relay;
    if (origin.empty()) continue;
    relay.ip = relay_address(origin.view(), relay.address);
    add(relay);
  }
}

void Relays::add(const Relay& relay) {
  if (relay.fetched) {
    // Who fetched mail trusts the mailbox it was fetched from, and what stands above is of no
    // worth.
    if (in_trusted_) {
      trusted_.used = 0;
      last_trusted_.known = false;
    }
    return;
  }
  if (in_trusted_ && relay.auth.empty() && !is_private(relay.address)) in_trusted_ = false;
  append(in_trusted_ ? trusted_ : untrusted_, relay, in_trusted_);
  if (!in_trusted_ && any_untrusted_) return;
  any_untrusted_ = !in_trusted_;
  Sender& sender = in_trusted_ ? last_trusted_ : first_untrusted_;
  sender.known = relay.envelope_from.has_value();
  sender.address.assign(relay.envelope_from.value_or(""));
}

void Relays::append(Text& text, const Relay& relay, bool internal) {
  Writer out(text.bytes.get() + text.used, kTextBytes - text.used);
  if (text.used > 0) out.put(" ");
  out.put_value("[ ip=", relay.ip);
  out.put_value(" rdns=", relay.rdns);
  out.put_value(" helo=", relay.helo);
  out.put_value(" by=", relay.by);
  out.put_value(" ident=", relay.ident);
  out.put_value(" envfrom=", relay.envelope_from.value_or(""));
  out.put(internal ? " intl=1 id=" : " intl=0 id=");
  out.put_word(relay.id);
  out.put(" auth=");
  out.put_word(relay.auth);
  if (!relay.auth_of.empty()) {
    out.put(" (");
    out.put_word(relay.auth_of);
    out.put(")");
  }
  out.put(" msa=0 ]");
  if (!out.overflowed()) text.used += out.made();
}

std::optional<std::string_view> Relays::envelope_from() const {
  const Sender& sender = any_untrusted_ ? first_untrusted_ : last_trusted_;
  if (!sender.known) return std::nullopt;
  const std::string_view address = sender.address.view();
  const size_t at = address.find('@');
  if (!address.empty() && (at == kNowhere || at == 0)) return std::nullopt;
  return address;
}

}  // namespace postern::scan
