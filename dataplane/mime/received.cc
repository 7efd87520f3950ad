#include "dataplane/mime/received.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

using Software = Received::Software;
using Way = Received::Way;

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// What stands in `text` between `before` and the next of `ends`; empty when `before` is not there.
std::string_view between(std::string_view text, std::string_view before, std::string_view ends) {
  const size_t at = text.find(before);
  if (at == text.npos) return {};
  text.remove_prefix(at + before.size());
  return trim(text.substr(0, text.find_first_of(ends)));
}

// The rest of the line that begins with `beginning`, up to one of `ends`.
std::string_view line_rest(std::string_view lines, std::string_view beginning,
                           std::string_view ends) {
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = trim(lines.substr(0, end));
    if (line.starts_with(beginning)) return between(line, beginning, ends);
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return {};
}

bool has_line(std::string_view lines, std::string_view beginning) {
  return !line_rest(lines, beginning, "\n").empty();
}

// The word at the beginning of `text`.
std::string_view word(std::string_view text) {
  text = trim(text);
  size_t end = 0;
  while (end < text.size() && !is_space(text[end]) && text[end] != ';') ++end;
  return text.substr(0, end);
}

// Where a word of its own, `keyword` and a blank, stands outside of parentheses.
size_t find_outside(std::string_view text, std::string_view keyword) {
  int depth = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '(') ++depth;
    if (text[at] == ')' && depth > 0) --depth;
    if (depth == 0 && (at == 0 || is_space(text[at - 1])) &&
        starts_ignoring_case(text.substr(at), keyword) && at + keyword.size() < text.size() &&
        is_space(text[at + keyword.size()])) {
      return at;
    }
  }
  return text.npos;
}

// The parts of a line. A client's words stand in `from` alone.
struct Clauses {
  std::string_view from;     // without the keyword; the first line of it when it has several
  std::string_view remarks;  // lines between it and the writer's own clause
  std::string_view by;  // from the keyword on; without the envelope, whose words are a client's
};

Clauses split(std::string_view value) {
  Clauses clauses;
  size_t by = value.npos;
  for (size_t line = 0; line < value.size();) {
    const size_t text = value.find_first_not_of(" \t", line);
    if (text == value.npos) break;
    if (starts_ignoring_case(value.substr(text), "by ")) {
      by = text;
      break;
    }
    const size_t end = value.find('\n', line);
    if (end == value.npos) break;
    line = end + 1;
  }
  if (by == value.npos) by = find_outside(value, "by");
  const std::string_view before = value.substr(0, by);
  if (by != value.npos) clauses.by = value.substr(by, value.find('<', by) - by);
  const size_t end = before.find('\n');
  clauses.from = trim(before.substr(0, end));
  if (starts_ignoring_case(clauses.from, "from ")) {
    clauses.from = trim(clauses.from.substr(5));
    if (end != before.npos) clauses.remarks = before.substr(end);
  } else {
    // Only remarks, as of Sendmail's submission: "(from bob@localhost)".
    clauses.from = {};
    clauses.remarks = before;
  }
  return clauses;
}

Software software_of(std::string_view by) {
  if (contains(by, "(Postfix")) return Software::kPostfix;
  if (contains(by, "(Exim ")) return Software::kExim;
  if (contains(by, "(OpenSMTPD)")) return Software::kOpenSmtpd;
  if (contains(by, "Microsoft SMTP") || contains(by, "with mapi")) return Software::kExchange;
  // "(8.17.1/8.17.1)", "(8.17.1/8.17.1/Submit)"
  const size_t version = by.find("(8.");
  if (version != by.npos && contains(between(by.substr(version), "(", ")"), "/")) {
    return Software::kSendmail;
  }
  return Software::kOther;
}

// The address that the server saw, in what stands behind "from".
std::optional<IpAddress> address_in(std::string_view from, bool first_bracket) {
  // Exim and CommuniGate put the client's words behind the address, all others before it.
  if (first_bracket) {
    const size_t open = from.find('[');
    if (open != from.npos) return read_address(from.substr(open, from.find(']', open) - open + 1));
  }
  // Postfix "(name [192.0.2.7])", qmail "(user@192.0.2.7)", Exchange "(192.0.2.7)": the last
  // parentheses are the server's.
  if (const size_t parenthesis = from.rfind('('); parenthesis != from.npos) {
    std::string_view inside = between(from.substr(parenthesis), "(", ")");
    const size_t at = inside.find_last_of("[@");
    if (at != inside.npos) inside.remove_prefix(inside[at] == '@' ? at + 1 : at);
    if (const auto address = read_address(inside)) return address;
  }
  // Sendmail "(name [192.0.2.7] (may be forged))"
  if (const size_t open = from.rfind('['); open != from.npos && from.find(']', open) != from.npos) {
    return read_address(from.substr(open));
  }
  return read_address(word(from));
}

// The transmission types of RFC 3848 and RFC 6531 whose A says that the client was authenticated,
// and the name that Exim had for it before.
bool says_authenticated(std::string_view protocol) {
  static constexpr std::array<std::string_view, 10> kNames{
      "esmtpa",    "esmtpsa",    "smtpsa",    "lmtpa",      "lmtpsa",
      "utf8smtpa", "utf8smtpsa", "utf8lmtpa", "utf8lmtpsa", "asmtp"};
  return std::ranges::any_of(
      kNames, [&](std::string_view name) { return equals_ignoring_case(protocol, name); });
}

bool is_smtp(std::string_view protocol) {
  return starts_ignoring_case(protocol, "smtp") || starts_ignoring_case(protocol, "esmtp") ||
         starts_ignoring_case(protocol, "utf8smtp");
}

void read_authentication(const Clauses& clauses, std::string_view protocol, Received& received) {
  received.user = line_rest(clauses.remarks, "(Authenticated sender: ", ")");
  if (received.software == Software::kOpenSmtpd) {
    received.user = between(clauses.by, " user=", " \t\r\n;");
  }
  if (received.user.empty() && contains(clauses.by, "(authenticated_id ")) {
    received.user = between(clauses.by, "(authenticated_id ", ")");
  }
  // Courier: "(AUTH: PLAIN bob@example.com, TLS: …)"
  const std::string_view courier = line_rest(clauses.remarks, "(AUTH: ", ",)");
  if (const size_t blank = courier.find(' '); blank != courier.npos) {
    received.user = courier.substr(blank + 1);
  }
  if (contains(clauses.by, "(CommuniGate Pro ")) {
    received.user = between(clauses.from, "(account ", " )");
  }
  if (received.way == Way::kWeb) {
    received.user = between(clauses.remarks, "authenticated user ", ")");
    if (received.user.empty()) received.user = between(clauses.from, "authenticated user ", ")");
  }
  if (says_authenticated(protocol) || !received.user.empty() ||
      has_line(clauses.remarks, "(authenticated") ||
      (received.software == Software::kOpenSmtpd && contains(clauses.by, " auth=yes")) ||
      equals_ignoring_case(protocol, "mapi")) {
    received.authenticated = Authenticated::kYes;
  } else if (is_smtp(protocol) &&
             (received.software == Software::kPostfix || received.software == Software::kExim ||
              received.software == Software::kOpenSmtpd)) {
    // These write the A, so its absence says something.
    received.authenticated = Authenticated::kNo;
  }
}

void take_account(std::string_view account, Received& received) {
  received.way = Way::kAccount;
  received.user = account;
  received.user_is_number = !account.empty() && std::ranges::all_of(account, is_digit);
  received.authenticated = Authenticated::kNo;
}

// "(qmail 4711 invoked by uid 33); …": what qmail-queue writes, above the line of who gave it the
// mail.
Received read_qmail(std::string_view value) {
  Received received;
  received.software = Software::kQmail;
  received.way = Way::kHandedOn;
  const std::string_view invoked = between(value, " invoked ", ")");
  if (invoked.starts_with("by uid ")) {
    take_account(invoked.substr(7), received);
  } else if (invoked == "by alias") {
    take_account("alias", received);
  } else if (invoked == "for bounce") {
    take_account("the server's own bounces", received);
  }
  return received;
}

}  // namespace

std::optional<IpAddress> read_address(std::string_view text) {
  text = trim(text);
  if (text.starts_with('[')) text = text.substr(1, text.find(']') - 1);
  if (starts_ignoring_case(text, "ipv6:")) text.remove_prefix(5);
  text = text.substr(0, text.find('%'));
  char terminated[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof terminated) return std::nullopt;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  uint8_t bytes[16];
  if (inet_pton(AF_INET, terminated, bytes) == 1) return IpAddress::from_v4(bytes);
  if (inet_pton(AF_INET6, terminated, bytes) == 1) return IpAddress::from_v6(bytes);
  return std::nullopt;
}

Received read_received(std::string_view value) {
  value = trim(value);
  if (value.starts_with("(qmail ")) return read_qmail(value);
  const Clauses clauses = split(value);
  Received received;
  received.software = software_of(clauses.by);
  received.by = word(clauses.by.substr(std::min<size_t>(clauses.by.size(), 3)));
  received.from = word(clauses.from);
  // "by host ([192.0.2.1])" of Exchange, "by localhost (host [127.0.0.1])" of amavis.
  const std::string_view remark =
      between(clauses.by.substr(0, clauses.by.find(" with ")), "(", ")");
  received.by_address = read_address(remark.substr(std::min(remark.rfind('['), remark.size())));
  if (!received.by_address) received.by_address = read_address(remark);

  const size_t with = find_outside(clauses.by, "with");
  const std::string_view protocol =
      with == clauses.by.npos ? std::string_view{} : word(clauses.by.substr(with + 5));
  const bool submitted = received.software == Software::kSendmail &&
                         contains(between(clauses.by, "(", ")"), "/Submit");
  if (received.software == Software::kPostfix && contains(clauses.by, "(Postfix, from userid ")) {
    take_account(between(clauses.by, "(Postfix, from userid ", ")"), received);
  } else if (submitted) {
    take_account(between(clauses.remarks, "(from ", "@)"), received);
  } else if (received.software == Software::kExim && (equals_ignoring_case(protocol, "local") ||
                                                      starts_ignoring_case(protocol, "local-"))) {
    // With "local-smtp" the account spoke SMTP and said a HELO name.
    take_account(received.from, received);
  } else if (received.software == Software::kOpenSmtpd && contains(clauses.from, " [local])")) {
    received.way = Way::kAccount;
    received.user = between(clauses.by, " user=", " \t\r\n;");
    received.authenticated = Authenticated::kNo;
  } else if (starts_ignoring_case(clauses.from, "mail pickup service")) {
    received.way = Way::kHandedOn;
  } else {
    const bool web = starts_ignoring_case(protocol, "http");
    const bool first =
        received.software == Software::kExim || contains(clauses.by, "(CommuniGate Pro ");
    received.address = address_in(clauses.from, first);
    if (web) {
      received.way = Way::kWeb;
    } else if (!received.address && (starts_ignoring_case(protocol, "lmtp") ||
                                     equals_ignoring_case(received.from, "localhost"))) {
      received.way = Way::kHandedOn;
    }
    if (equals_ignoring_case(protocol, "mapi")) received.software = Software::kExchange;
    read_authentication(clauses, protocol, received);
  }
  return received;
}

}  // namespace postern::mime
