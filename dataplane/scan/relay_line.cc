#include "dataplane/scan/relays.h"

#include <algorithm>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/received.h"

namespace postern::scan {

std::string_view relay_address(std::string_view text, IpAddress& address) {
  if (text.starts_with('[') != text.ends_with(']')) return {};
  const auto read = mime::read_address(text);
  if (!read) return {};
  address = *read;
  if (text.starts_with('[')) text = text.substr(1, text.size() - 2);
  if (mime::starts_ignoring_case(text, "ipv6:")) text.remove_prefix(5);
  text = text.substr(0, text.find('%'));
  if (address.is_v4() && text.find(':') != text.npos) text.remove_prefix(text.rfind(':') + 1);
  return text;
}

namespace {

using mime::equals_ignoring_case;
using mime::is_alnum;
using mime::is_digit;
using mime::is_space;
using mime::starts_ignoring_case;

constexpr size_t kNowhere = std::string_view::npos;

bool contains(std::string_view text, std::string_view part) { return text.find(part) != kNowhere; }

// The word at the beginning, taken off `text` together with the blank behind it.
std::string_view take_word(std::string_view& text) {
  const size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

std::string_view first_word(std::string_view text) { return take_word(text); }

// What stands behind `before`, up to the next blank or one of `ends`; empty when it is not there.
std::string_view behind(std::string_view text, std::string_view before,
                        std::string_view ends = " ") {
  const size_t at = text.find(before);
  if (at == kNowhere) return {};
  text.remove_prefix(at + before.size());
  return text.substr(0, text.find_first_of(ends));
}

// The characters that SpamAssassin lets a HELO name have.
bool is_helo(char c) {
  return is_alnum(c) || std::string_view("-.^+_&:=?!@%*$\\/").find(c) != kNowhere;
}

std::string_view helo_behind(std::string_view text, std::string_view before) {
  const size_t at = text.find(before);
  if (at == kNowhere || (at > 0 && (is_alnum(text[at - 1]) || text[at - 1] == '_'))) return {};
  text.remove_prefix(at + before.size());
  const auto end = std::ranges::find_if_not(text, is_helo);
  return text.substr(0, static_cast<size_t>(end - text.begin()));
}

bool take_address(std::string_view text, Relay& relay) {
  const std::string_view found = relay_address(text, relay.address);
  if (found.empty()) return false;
  relay.ip = found;
  return true;
}

// The same with a port behind it: "192.0.2.7:25", "192.0.2.7.25".
bool take_address_and_port(std::string_view text, Relay& relay) {
  if (take_address(text, relay)) return true;
  size_t end = text.size();
  while (end > 0 && is_digit(text[end - 1])) --end;
  if (end == text.size() || end == 0 || (text[end - 1] != ':' && text[end - 1] != '.'))
    return false;
  return take_address(text.substr(0, end - 1), relay);
}

// A parenthesised remark at the beginning of `text` (with nothing but a blank before it), taken
// off. Those within it are part of it.
std::optional<std::string_view> take_remark(std::string_view& text) {
  std::string_view rest = text;
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  if (!rest.starts_with('(')) return std::nullopt;
  int depth = 0;
  for (size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '(') ++depth;
    if (rest[i] != ')' || --depth > 0) continue;
    const std::string_view inside = rest.substr(1, i - 1);
    text = rest.substr(i + 1);
    return inside;
  }
  return std::nullopt;
}

// Exchange, with its version where the identifier stands otherwise. (Of a line with "id" before the
// version SpamAssassin takes the first word for a name that was looked up.)
bool is_exchange(std::string_view line) {
  constexpr std::string_view kServer = " with Microsoft SMTP Server ";
  if (contains(line, " with mapi id ")) return true;
  const size_t at = line.find(kServer);
  if (at == kNowhere) return false;
  std::string_view rest = line.substr(at + kServer.size());
  if (rest.starts_with('(')) rest.remove_prefix(std::min(rest.find(") "), rest.size() - 2) + 2);
  return !rest.empty() && is_digit(rest[0]);
}

// Does not look up names, so a first word is what the client said of itself.
bool is_microsoft(std::string_view line) { return is_exchange(line) || contains(line, " SMTPSVC"); }

// qmail writes the name that was found first, and the client's own only when it is another one.
// Told from Sendmail by the lack of an identifier behind the protocol.
bool is_qmail(std::string_view behind_by) {
  const size_t with = behind_by.find(" with ");
  if (with == kNowhere) return false;
  const std::string_view protocol = behind_by.substr(with + 5);
  for (std::string_view name : {" SMTP", " QMQP"}) {
    const size_t at = protocol.rfind(name);
    if (at != kNowhere && !protocol.substr(at + name.size()).starts_with(" id ")) return true;
  }
  return false;
}

// "bob@192.0.2.7", "bob@[192.0.2.7]", or the address alone.
bool take_ident_and_address(std::string_view inside, Relay& relay) {
  inside = first_word(inside);
  const size_t at = inside.rfind('@');
  if (at == kNowhere) return take_address(inside, relay);
  if (!take_address(inside.substr(at + 1), relay)) return false;
  relay.ident = inside.substr(0, at);
  return true;
}

std::string_view greeting_in(std::string_view remark, bool& there) {
  for (std::string_view word : {"HELO", "EHLO", "LHLO"}) {
    if (!remark.starts_with(word)) continue;
    if (remark.size() > 4 && remark[4] != ' ') continue;
    there = true;
    return remark.substr(std::min<size_t>(5, remark.size()));
  }
  there = false;
  return {};
}

void take_words_of_exim(std::string_view words, Relay& relay) {
  if (const auto helo = behind(words, "helo="); !helo.empty()) relay.helo = helo;
  relay.ident = behind(words, "ident=");
}

// "[192.0.2.7] helo=b.example ident=bob", "a.example [192.0.2.7] (may be forged)": with brackets.
bool read_bracketed(std::string_view first, std::string_view remark, std::string_view line,
                    std::string_view behind_by, Relay& relay) {
  const size_t open = remark.find('[');
  const size_t close = remark.find(']', std::min(open, remark.size()));
  if (open == kNowhere || close == kNowhere) return false;
  const std::string_view inside = remark.substr(open + 1, close - open - 1);
  const std::string_view after = remark.substr(close + 1);
  std::string_view before = remark.substr(0, open);
  if (!before.empty()) {
    if (!take_address(inside, relay)) return false;
    relay.helo = first;
    if (before.ends_with(' ')) before.remove_suffix(1);
    if (before.starts_with("IDENT:") && !before.ends_with('@')) before.remove_prefix(6);
    if (const size_t at = before.find('@'); at != kNowhere) {
      relay.ident = before.substr(0, at);
      before.remove_prefix(at + 1);
    }
    if (before != "softdnserr" && !before.starts_with('<')) relay.rdns = before;
    return !contains(before, " ");
  }
  if (!take_address_and_port(inside, relay)) return false;
  if (contains(line, "(ecelerity")) return true;
  relay.helo = first;
  const bool tells_helo = after.starts_with(" helo=");
  if (!is_microsoft(line) &&
      (contains(line, "Exim") || tells_helo || after == " verified" || is_qmail(behind_by))) {
    relay.rdns = first;
    take_words_of_exim(after, relay);
  }
  return true;
}

// What stands behind the first word.
bool read_remarks(std::string_view first, std::string_view rest, std::string_view line,
                  std::string_view behind_by, Relay& relay) {
  const auto remark = take_remark(rest);
  const bool fetched = contains(line, "with POP3") || contains(line, "with IMAP");
  if (!remark) {
    // "a.example [192.0.2.7]", also with a port behind it or parentheses within.
    std::string_view word = take_word(rest);
    // Words that no server is known for stand behind it.
    if (!rest.empty() && !contains(line, "Exim")) return false;
    if (word.starts_with("[(") && word.ends_with(")]")) word = word.substr(2, word.size() - 4);
    if (const size_t close = word.find("]:"); close != kNowhere) word = word.substr(0, close + 1);
    if (!take_address(word, relay)) return false;
    relay.helo = first;
    if (contains(line, "Exim")) relay.rdns = first;
    relay.fetched = fetched;
    return true;
  }
  bool greeted = false;
  const std::string_view greeting = greeting_in(*remark, greeted);
  if (greeted) {
    std::string_view address;
    if (const auto second = take_remark(rest)) {
      address = *second;
    } else {
      address = first_word(rest.starts_with(' ') ? rest.substr(1) : rest);
    }
    if (!take_ident_and_address(address, relay)) {
      if (!take_address(first, relay)) return false;
    } else {
      relay.rdns = first;
    }
    relay.helo = greeting;
    return true;
  }
  if (contains(*remark, "[")) return read_bracketed(first, *remark, line, behind_by, relay);
  if (take_address(first, relay)) return true;  // "192.0.2.7 (a web mailer's words)"
  if (!take_ident_and_address(*remark, relay)) return false;
  relay.helo = first;
  if (!is_microsoft(line) && !contains(line, "(Scalix ")) relay.rdns = first;
  relay.fetched = fetched && !is_qmail(behind_by);
  return true;
}

// "[192.0.2.7] (helo=b.example ident=bob)", "[192.0.2.7] (account bob HELO b.example)".
void read_words_behind_address(std::string_view rest, Relay& relay) {
  const auto remark = take_remark(rest);
  if (!remark) return;
  take_words_of_exim(*remark, relay);
  for (std::string_view word : {"HELO ", "EHLO "}) {
    if (const auto helo = behind(*remark, word); !helo.empty()) relay.helo = helo;
  }
}

// The head of a field: what stands before " by ".
bool read_head(std::string_view head, std::string_view line, std::string_view behind_by,
               Relay& relay) {
  if (head.starts_with('(')) {
    // "([192.0.2.7])", "(a.example [192.0.2.7])": nothing was said.
    std::string_view rest = head;
    const auto remark = take_remark(rest);
    if (!remark) return false;
    std::string_view inside = *remark;
    std::string_view word = take_word(inside);
    if (word.starts_with('[') && word.ends_with(']')) word = word.substr(1, word.size() - 2);
    if (take_address_and_port(word, relay)) return true;
    if (!take_address(inside, relay)) return false;
    relay.helo = word;
    return true;
  }
  std::string_view rest = head;
  std::string_view first = take_word(rest);
  if (const size_t open = first.find('('); open != kNowhere && open > 0) {
    // "a.example(192.0.2.7)", "a.example(192.0.2.7, HELO b.example)"
    std::string_view inside = head.substr(open + 1);
    inside = inside.substr(0, inside.find(')'));
    if (!take_address(inside.substr(0, inside.find(',')), relay)) return false;
    if (inside.starts_with('[')) {
      relay.helo = first;
      return true;
    }
    relay.rdns = first.substr(0, open);
    if (const auto helo = behind(inside, "HELO "); !helo.empty()) relay.helo = helo;
    return true;
  }
  if (first.starts_with('[')) {
    if (const size_t close = first.find("]:"); close != kNowhere)
      first = first.substr(0, close + 1);
    // "[192.0.2.7] (a.example [192.0.2.8])": what was said is an address, too.
    std::string_view behind_first = rest;
    const auto remark = take_remark(behind_first);
    if (remark && contains(*remark, "[") && !contains(line, "Exim") && !contains(*remark, "=") &&
        !remark->starts_with("account ")) {
      return read_bracketed(first, *remark, line, behind_by, relay);
    }
    if (!take_address(first, relay)) return false;
    if (relay.helo.empty() && !contains(behind_by, " ")) relay.helo = first;
    read_words_behind_address(rest, relay);
    return true;
  }
  const bool ends_at_by = !contains(behind_by, " ");
  if (rest.empty()) {
    std::string_view protocol = behind_by;
    take_word(protocol);
    const bool tells = protocol.starts_with("with ") || protocol.starts_with("(SMTPL") ||
                       protocol.starts_with("(InterScan");
    return tells && take_address(first, relay);
  }
  // Without a word of how, an address that is not in brackets is nobody's.
  if (ends_at_by && !contains(rest, "[")) return false;
  return read_remarks(first, rest, line, behind_by, relay);
}

// The word behind " with " that RFC 3848 or a web mailer has for an authenticated client.
std::string_view protocol_of_authenticated(std::string_view line) {
  for (size_t at = line.find(" with "); at != kNowhere; at = line.find(" with ", at + 1)) {
    const std::string_view protocol =
        line.substr(at + 6, line.find_first_of(" ;", at + 6) - at - 6);
    for (std::string_view name : {"ESMTPA", "ESMTPSA", "LMTPA", "LMTPSA", "UTF8SMTPA", "UTF8SMTPSA",
                                  "UTF8LMTPA", "UTF8LMTPSA", "ASMTP", "HTTP", "HTTPS", "HTTPU"}) {
      if (equals_ignoring_case(protocol, name)) return protocol;
    }
  }
  return {};
}

// How the client was authenticated, in SpamAssassin's words.
void read_authentication(std::string_view line, Relay& relay) {
  if (contains(line, " by ")) {
    relay.auth = protocol_of_authenticated(line);
    if (!relay.auth.empty()) return;
  }
  const size_t courier = line.find(" (AUTH: ");
  const size_t by = line.find(" by ");
  if (courier != kNowhere && by != kNowhere && courier < by) {
    for (std::string_view method : {"LOGIN", "PLAIN", "DIGEST-MD5", "CRAM-MD5"}) {
      if (first_word(line.substr(courier + 8)) == method) relay.auth = method;
    }
    if (!relay.auth.empty()) return;
  }
  // In parentheses of their own, behind those with the address.
  if (const size_t word = line.find("authenticated"); word != kNowhere) {
    const size_t open = line.rfind('(', word);
    const size_t close = line.find(')', word);
    if (open != kNowhere && close != kNowhere && contains(line.substr(close), " by") &&
        contains(line.substr(0, open), "]")) {
      relay.auth = "Sendmail";
      return;
    }
  }
  if (const size_t sender = line.find(") (Authenticated sender: "); sender != kNowhere) {
    const size_t next = line.find(") by ", sender);
    const size_t open = line.find(" (", std::min(next, line.size()));
    const size_t close = line.find(") with ", std::min(open, line.size()));
    if (close != kNowhere) {
      relay.auth = "Postfix";
      const std::string_view name = line.substr(open + 2, close - open - 2);
      if (name != "Postfix") relay.auth_of = name;
      return;
    }
  }
  if (contains(line, "CommuniGate Pro ") && contains(line, " (account ")) {
    relay.auth = "Communigate";
  } else if (contains(line, " with Microsoft Exchange Server HTTP-DAV")) {
    relay.auth = "HTTP-DAV";
  } else if (const size_t via = line.find(" (via HTTP");
             via != kNowhere && contains(line, " by ")) {
    relay.auth = behind(line.substr(via), " (via ", ")");
  }
}

std::optional<std::string_view> envelope_from_in(std::string_view line) {
  for (size_t at = 0; at < line.size(); ++at) {
    std::string_view rest = line.substr(at);
    if (starts_ignoring_case(rest, "return-path")) {
      rest.remove_prefix(11);
      if (rest.starts_with(": ")) rest.remove_prefix(1);
      if (!rest.starts_with(' ') && !rest.starts_with(':')) continue;
    } else if (starts_ignoring_case(rest, "envelope-sender")) {
      rest.remove_prefix(15);
    } else if (starts_ignoring_case(rest, "envelope-from")) {
      rest.remove_prefix(13);
    } else {
      continue;
    }
    if (rest.empty() || (rest[0] != ' ' && rest[0] != '=' && rest[0] != ':')) continue;
    rest = first_word(rest.substr(1));
    // Up to its last letter or digit, so without what closes it.
    while (!rest.empty() && !is_alnum(rest.back()) && rest.back() != '_') rest.remove_suffix(1);
    if (rest.empty()) continue;
    while (rest.starts_with('<')) rest.remove_prefix(1);
    return rest;
  }
  return std::nullopt;
}

// The date at the end, and blanks and semicolons before it.
std::string_view without_date(std::string_view line) {
  const size_t at = line.rfind(';');
  if (at == kNowhere) return line;
  const std::string_view date = mime::trim(line.substr(at + 1));
  if (!date.empty() && !(mime::is_alpha(date[0]) || is_digit(date[0]))) return line;
  // Sendmail may have more to say behind it.
  if (!contains(date, ":") || contains(date, "(")) return line;
  line = line.substr(0, at);
  while (line.ends_with(' ') || line.ends_with(';')) line.remove_suffix(1);
  return line;
}

// The first address in brackets anywhere.
bool take_any_address(std::string_view line, Relay& relay) {
  for (size_t open = line.find('['); open != kNowhere; open = line.find('[', open + 1)) {
    const size_t close = line.find(']', open);
    if (close == kNowhere) return false;
    if (take_address(line.substr(open, close - open + 1), relay)) return true;
  }
  return false;
}

// Handed over between programs of one host.
bool is_local(std::string_view line) {
  return contains(line, " with local for ") ||
         (contains(line, "Exim") &&
          (contains(line, " with local ") || contains(line, " with local-")));
}

// Of a field without an address. What is known for telling none is no relay; other lines may be of
// one.
NoRelay why_none(std::string_view head, std::string_view behind_by) {
  if (head.empty()) return NoRelay::kUnreadable;
  const std::string_view first = first_word(head);
  std::string_view rest = head;
  take_word(rest);
  if (head == "mail pickup service" || contains(head, "[UNIX: ") ||
      contains(behind_by, "(LSMTP for") || contains(behind_by, "(Content Technologies ")) {
    return NoRelay::kLocal;
  }
  const bool knows_account = contains(first, "@") && rest.empty();
  const bool names_writer = !behind_by.empty();
  take_word(behind_by);
  const bool goes_on = behind_by.starts_with("with ") || behind_by.starts_with("via ") ||
                       behind_by.starts_with("for ") || behind_by.starts_with('(');
  if (rest.empty() && (goes_on || (knows_account && !behind_by.empty()))) return NoRelay::kLocal;
  const bool how =
      rest.starts_with("with ") || rest.starts_with("via ") || rest.starts_with("for ");
  if ((how && names_writer) || rest.starts_with("id ") || rest == "(unverified)" ||
      rest == "([unix socket])" || contains(rest, "localhost)") || contains(rest, "(127.0.0.1)") ||
      contains(rest, "@127.0.0.1)") || first.starts_with("(AUTH:") ||
      (first.ends_with("@localhost)") && !behind_by.empty())) {
    return NoRelay::kLocal;
  }
  return NoRelay::kUnreadable;
}

}  // namespace

std::expected<Relay, NoRelay> read_relay(std::string_view line) {
  while (line.ends_with(';') || line.ends_with(' ')) line.remove_suffix(1);
  std::string_view head = line;
  if (head.starts_with('(')) head.remove_prefix(1);
  if (!starts_ignoring_case(head, "from ")) return std::unexpected(NoRelay::kLocal);
  const std::string_view said = line.substr(static_cast<size_t>(head.data() - line.data()) + 5);
  // "from a.example by b.example; …" tells nothing.
  if (const size_t by = said.find(' ');
      by != kNowhere && starts_ignoring_case(said.substr(by), " by ")) {
    const std::string_view host = first_word(said.substr(by + 4));
    const bool alone = host.ends_with(';') || said.substr(by + 4 + host.size()).starts_with(" ;");
    if (alone && !said.starts_with('[')) return std::unexpected(NoRelay::kLocal);
  }
  line = without_date(line);
  if (is_local(line)) return std::unexpected(NoRelay::kLocal);
  Relay relay;
  relay.id = behind(line, " id ", " ;>");
  if (relay.id.starts_with('<')) relay.id.remove_prefix(1);
  if (relay.id.size() < 3) relay.id = {};
  for (std::string_view word : {"helo=", "HELO ", "EHLO "}) {
    if (relay.helo.empty()) relay.helo = helo_behind(line, word);
  }
  size_t by = line.find(" by ");
  if (by == kNowhere && line.starts_with("FROM ")) by = line.find(" BY ");
  if (by == kNowhere) return std::unexpected(why_none(said, {}));
  relay.by = first_word(line.substr(by + 4));
  if (relay.by.ends_with(';')) relay.by.remove_suffix(1);
  read_authentication(line, relay);
  relay.envelope_from = envelope_from_in(line);
  const size_t begin = static_cast<size_t>(said.data() - line.data());
  head = by > begin ? line.substr(begin, by - begin) : std::string_view{};
  while (head.ends_with(' ')) head.remove_suffix(1);
  const std::string_view early_helo = relay.helo;
  if (!read_head(head, line, line.substr(by + 4), relay)) {
    relay.rdns = relay.ident = {};
    relay.helo = early_helo.empty() ? first_word(head) : early_helo;
    // A lone word before "by" is a handover that tells no address, whatever stands behind.
    const std::string_view behind_by = line.substr(by + 4);
    if (!contains(head, " ") || !take_any_address(line, relay))
      return std::unexpected(why_none(head, behind_by));
  }
  while (relay.rdns.ends_with('.')) relay.rdns.remove_suffix(1);
  if (equals_ignoring_case(relay.rdns, "unknown") || relay.rdns.starts_with('[')) relay.rdns = {};
  if (is_exchange(line)) relay.id = {};
  return relay;
}

}  // namespace postern::scan
