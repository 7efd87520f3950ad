#include "dataplane/mime/origin.h"

#include <arpa/inet.h>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

using Confidence = Origin::Confidence;
using Software = Received::Software;
using Way = Received::Way;

bool is_loopback(const IpAddress& address) {
  if (address.is_v4()) return address.v4_bytes()[0] == 127;
  static constexpr std::array<uint8_t, 16> kLoopback{0, 0, 0, 0, 0, 0, 0, 0,
                                                     0, 0, 0, 0, 0, 0, 0, 1};
  return address.bytes() == kLoopback;
}

// Of a network that is not the Internet: RFC 1918, RFC 6598, RFC 3927, RFC 4193, link-local.
bool is_private(const IpAddress& address) {
  if (address.is_v4()) {
    const uint8_t* b = address.v4_bytes();
    return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) ||
           (b[0] == 100 && (b[1] & 0xc0) == 64) || (b[0] == 169 && b[1] == 254);
  }
  const auto& b = address.bytes();
  return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

std::string_view without_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

std::string_view parent(std::string_view name) {
  const size_t dot = name.find('.');
  return dot == name.npos ? std::string_view{} : name.substr(dot + 1);
}

// "mx1.example.com" and "mail.example.com" or "example.com".
bool share_domain(std::string_view a, std::string_view b) {
  const auto under = [](std::string_view name, std::string_view domain) {
    return domain.find('.') != domain.npos && equals_ignoring_case(parent(name), domain);
  };
  return under(a, b) || under(b, a) || under(a, parent(b));
}

bool is_local_name(std::string_view name) {
  return equals_ignoring_case(name, "localhost") || starts_ignoring_case(name, "localhost.");
}

template <size_t N>
void append_address(FixedText<N>& text, const IpAddress& address) {
  char printed[INET6_ADDRSTRLEN];
  if (address.is_v4()) {
    inet_ntop(AF_INET, address.v4_bytes(), printed, sizeof printed);
  } else {
    inet_ntop(AF_INET6, address.bytes().data(), printed, sizeof printed);
  }
  text.append(std::string_view(printed));
}

}  // namespace

void OriginReader::begin(std::string_view helo, const IpAddress& client) {
  helo_.assign(without_dot(helo));
  client_ = client;
  by_.clear();
  match_ = Match::kUnknown;
  hop_ = {};
  hop_.user.clear();
  found_ = through_host_ = from_x_field_ = lowered_for_field_ = false;
  received_ = hop_at_ = 0;
  user_.made = visitor_.made = php_script_.made = web_script_.made = false;
  source_.made = source_dir_.made = auth_as_.made = false;
}

void OriginReader::field(std::string_view name, std::string_view raw) {
  if (name.empty()) return;
  switch (to_lower(name[0])) {
    case 'r':
      if (!equals_ignoring_case(name, "received")) return;
      if (!found_) received(read_received(trim(raw)));
      ++received_;
      return;
    case 'x':
      add_claim(name, trim(raw));
      return;
    default:
      return;
  }
}

void OriginReader::add_claim(std::string_view name, std::string_view value) {
  const auto is = [name](std::string_view other) { return equals_ignoring_case(name, other); };
  if (is("x-originating-ip")) {
    visitor_.add(value, received_);
  } else if (is("x-php-originating-script")) {
    php_script_.add(value, received_);
  } else if (is("x-php-script")) {
    web_script_.add(value, received_);
  } else if (is("x-source-args")) {
    source_.add(value, received_);
  } else if (is("x-source-dir")) {
    source_dir_.add(value, received_);
  } else if (is("x-authenticated-sender") || is("x-authenticated-user")) {
    user_.add(value, received_);
  } else if (is("x-ms-exchange-organization-authas") || is("x-ms-exchange-crosstenant-authas")) {
    auth_as_.add(value, received_);
  }
}

// Whether the name in the topmost line is the one that the client greeted with.
void OriginReader::match(const Received& received) {
  const std::string_view by = without_dot(received.by);
  by_.assign(by);
  const bool own_address = received.by_address && *received.by_address == client_;
  if (own_address || equals_ignoring_case(by, helo_.view())) {
    match_ = Match::kHost;
  } else {
    match_ = share_domain(by, helo_.view()) ? Match::kDomain : Match::kNone;
  }
}

bool OriginReader::is_host_itself(const Received& received) const {
  if (received.way == Way::kHandedOn) return true;
  if (received.way != Way::kNetwork || !received.address) return false;
  return is_loopback(*received.address) || *received.address == client_ ||
         (received.by_address && *received.by_address == *received.address);
}

// Below a line of the host's own, another one.
bool OriginReader::is_written_by_host(const Received& received) const {
  const std::string_view by = without_dot(received.by);
  return received.software == Software::kQmail || match_ == Match::kUnknown ||
         equals_ignoring_case(by, by_.view()) || equals_ignoring_case(by, helo_.view()) ||
         is_local_name(by) || (received.by_address && is_loopback(*received.by_address)) ||
         received.way == Way::kWeb;
}

void OriginReader::received(const Received& received) {
  if (received_ > 0) {
    if (!is_written_by_host(received)) {
      found_ = true;  // the host's own line above tells of the injection
      return;
    }
    // qmail's own first line vouches for the second.
    if (hop_.software != Software::kQmail) through_host_ = true;
  }
  if (match_ == Match::kUnknown && !received.by.empty()) match(received);
  hop_.way = received.way;
  hop_.software = received.software;
  hop_.address = received.address;
  hop_.authenticated = received.authenticated;
  hop_.user.assign(received.user);
  hop_.user_is_number = received.user_is_number;
  hop_.from_host_itself = is_host_itself(received);
  hop_at_ = received_;
  found_ = !hop_.from_host_itself;
}

template <size_t N>
std::string_view OriginReader::believed(const Claim<N>& claim, bool* below) const {
  if (!claim.made || received_ == 0) return {};
  *below = claim.first_after > hop_at_;
  return *below ? claim.last.view() : claim.first.view();
}

void OriginReader::lower() {
  if (origin_.confidence > Confidence::kLow) {
    origin_.confidence = static_cast<Confidence>(static_cast<uint8_t>(origin_.confidence) - 1);
  }
}

// Several fields of the message lower it once.
void OriginReader::lower_for_field() {
  if (!lowered_for_field_) lower();
  lowered_for_field_ = true;
}

void OriginReader::take_user() {
  bool below = false;
  const std::string_view as = believed(auth_as_, &below);
  if (hop_.software == Software::kExchange && equals_ignoring_case(as, "Internal")) {
    origin_.authenticated = Authenticated::kYes;
  } else if (hop_.software == Software::kExchange && equals_ignoring_case(as, "Anonymous")) {
    origin_.authenticated = Authenticated::kNo;
  }
  if (hop_.way == Way::kAccount) {
    if (hop_.user_is_number) origin_.user.append("uid ");
    origin_.user.append(hop_.user.view());
    return;
  }
  origin_.user.append(hop_.user.view());
  std::string_view user = believed(user_, &below);
  const bool nameless = origin_.authenticated == Authenticated::kYes || hop_.from_host_itself ||
                        hop_.way == Way::kWeb;
  if (!origin_.user.empty() || user.empty() || (below && !nameless)) return;
  // "server.example: bob@example.com"
  if (const size_t blank = user.find(": "); blank != user.npos) user = trim(user.substr(blank + 2));
  origin_.user.assign(user);
  origin_.authenticated = Authenticated::kYes;
  if (below) lower_for_field();
}

void OriginReader::take_script() {
  const bool own = hop_.from_host_itself || hop_.way == Way::kAccount;
  bool below = false;
  std::string_view script = believed(web_script_, &below);
  bool by_account = false;
  if (!script.empty() && (own || !below)) {
    const size_t visitor = script.find(" for ");
    if (visitor != script.npos) {
      take_visitor(script.substr(visitor + 5));
      script = script.substr(0, visitor);
    }
  } else {
    script = believed(php_script_, &below);
    const size_t colon = script.find(':');
    by_account = hop_.way == Way::kAccount && hop_.user_is_number && colon != script.npos &&
                 script.substr(0, colon) == hop_.user.view();
    if (colon != script.npos) script.remove_prefix(colon + 1);
    if (script.empty()) script = believed(source_, &below);
    if (script.empty()) script = believed(source_dir_, &below);
  }
  if (script.empty() || (below && !own)) return;
  origin_.script.assign(trim(script));
  if (below && !by_account) lower_for_field();
}

// A web page's visitor, who stands behind what a program of the host handed in.
void OriginReader::take_visitor(std::string_view addresses) {
  if (const auto address = read_address(addresses.substr(0, addresses.find(',')))) {
    origin_.address = address;
    from_x_field_ = true;
  }
}

void OriginReader::take_webmail() {
  if (!hop_.from_host_itself && hop_.way != Way::kAccount) return;
  bool below = false;
  const std::string_view visitor = believed(visitor_, &below);
  if (visitor.empty() || from_x_field_) return;
  take_visitor(visitor);
  if (from_x_field_ && below) lower_for_field();
}

const Origin& OriginReader::finish() {
  origin_.user.clear();
  origin_.script.clear();
  origin_.why.clear();
  origin_.address.reset();
  origin_.authenticated = hop_.authenticated;
  if (received_ == 0) {
    origin_.address = client_;
    origin_.confidence = Confidence::kMedium;
    origin_.why.append(
        "No Received line: the connecting host made the message itself, or hides who gave it.");
    return origin_;
  }
  origin_.confidence = match_ == Match::kHost     ? Confidence::kHigh
                       : match_ == Match::kDomain ? Confidence::kMedium
                       : match_ == Match::kNone   ? Confidence::kLow
                                                  : Confidence::kMedium;
  if (through_host_) lower();
  if (hop_.way == Way::kNetwork || hop_.way == Way::kWeb) origin_.address = hop_.address;
  take_user();
  take_script();
  take_webmail();
  explain();
  return origin_;
}

void OriginReader::explain() {
  auto& why = origin_.why;
  const bool has_user = !origin_.user.empty();
  if (from_x_field_) {
    why.append("A web page on the server itself sent it, used from ");
    append_address(why, *origin_.address);
  } else if (hop_.way == Way::kWeb) {
    why.append("A web mailer on the server sent it");
    if (origin_.address) {
      why.append(", used from ");
      append_address(why, *origin_.address);
    }
  } else if (hop_.way == Way::kAccount) {
    why.append("A program on the server itself handed it in, run by ");
    why.append(has_user ? origin_.user.view() : "an account that is not named");
  } else if (hop_.from_host_itself) {
    why.append("A program on the server itself handed it in");
  } else if (origin_.address) {
    why.append("The server took it from ");
    append_address(why, *origin_.address);
    if (is_private(*origin_.address)) why.append(", an address of its own network");
  } else {
    why.append("The server does not say which address it took it from");
  }
  if (hop_.way != Way::kAccount) {
    if (has_user) {
      why.append(", logged in as ");
      why.append(origin_.user.view());
    } else if (origin_.authenticated == Authenticated::kYes) {
      why.append(", logged in, it does not say as whom");
    } else if (origin_.authenticated == Authenticated::kNo && !hop_.from_host_itself) {
      why.append(", without a login");
    }
  }
  if (!origin_.script.empty()) {
    why.append("; the script is ");
    why.append(origin_.script.view());
  }
  if (through_host_) why.append("; told by a line below those of the server's own programs");
  if (match_ == Match::kNone) {
    why.append("; but the topmost Received line names ");
    why.append(by_.view().substr(0, 40));
    why.append(", not the host that sent this");
  }
  why.append('.');
}

}  // namespace postern::mime
