#include "dataplane/smtp/dialect.h"

#include <algorithm>
#include <array>
#include <utility>

#include "dataplane/smtp/characters.h"

namespace postern::smtp {
namespace {

// By Verb.
constexpr std::string_view kNames[] = {"-",    "EHLO",    "HELO",  "MAIL", "RCPT",     "DATA",
                                       "BDAT", "RSET",    "QUIT",  "AUTH", "STARTTLS", "NOOP",
                                       "VRFY", "XCLIENT", "OTHER", "?"};
static_assert(std::size(kNames) == static_cast<size_t>(Verb::kUnknown) + 1);

constexpr std::string_view kMailParameters[] = {"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH"};
constexpr std::string_view kRcptParameters[] = {"NOTIFY", "ORCPT"};
constexpr std::string_view kMailLetters = "sbureax";
constexpr std::string_view kRcptLetters = "nox";

class Line {
 public:
  explicit Line(std::span<char, Dialect::kTextBytes> out) : out_(out) {}
  void add(std::string_view text) {
    for (const char c : text) {
      if (used_ < out_.size()) out_[used_++] = c;
    }
  }
  std::string_view text() const { return {out_.data(), used_}; }

 private:
  std::span<char, Dialect::kTextBytes> out_;
  size_t used_ = 0;
};

}  // namespace

Dialect::Spelling Dialect::spelling_of(std::string_view word) {
  bool small = false, capitals = false;
  for (const char c : word) {
    small |= c >= 'a' && c <= 'z';
    capitals |= c >= 'A' && c <= 'Z';
  }
  if (small && capitals) return Spelling::kMixed;
  return small ? Spelling::kSmall : Spelling::kCapitals;
}

Dialect::Name Dialect::name_of(std::string_view argument) {
  if (argument.empty()) return Name::kNone;
  if (argument.front() == '[') return Name::kLiteral;
  if (std::ranges::all_of(argument, [](char c) { return is_digit(c) || c == '.'; }) ||
      argument.find(':') != argument.npos) {
    return Name::kIp;
  }
  return argument.find('.') != argument.npos ? Name::kFqdn : Name::kPlain;
}

Dialect::Envelope Dialect::envelope_of(std::string_view argument, std::string_view keyword,
                                       std::span<const std::string_view> parameters) {
  Envelope envelope;
  const size_t colon = argument.find(':');
  if (colon == argument.npos || !equals_upper(argument.substr(0, colon + 1), keyword)) {
    envelope.path = Path::kBare;
    return envelope;
  }
  envelope.keyword = spelling_of(argument.substr(0, colon));
  std::string_view rest = argument.substr(colon + 1);
  const size_t begin = std::min(rest.find_first_not_of(" \t"), rest.size());
  const bool bracket = begin < rest.size() && rest[begin] == '<';
  envelope.path = !bracket ? Path::kBare : begin > 0 ? Path::kSpaced : Path::kTight;
  // Behind the address: its bracket may stand in a quoted local part, where no "> " is likely.
  const size_t end = bracket ? rest.find('>', begin) : rest.find_first_of(" \t", begin);
  rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
  for (int place = 0; place < 16; place += 4) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    if (rest.empty()) break;
    const std::string_view word = rest.substr(0, rest.find_first_of(" \t"));
    rest.remove_prefix(word.size());
    const auto at = std::ranges::find_if(parameters, [&](std::string_view known) {
      return equals_upper(word.substr(0, word.find('=')), known);
    });
    const auto number = static_cast<uint16_t>(at - parameters.begin() + 1);
    envelope.parameters = static_cast<uint16_t>(envelope.parameters | number << place);
  }
  return envelope;
}

void Dialect::note(std::string_view line, bool ended_by_crlf) {
  const Command command = parse_command(line);
  const auto verb = static_cast<uint32_t>(command.verb);
  if (seen_ >> verb & 1) return;
  const auto bit = static_cast<uint16_t>(1u << verb);
  seen_ |= bit;
  if (!ended_by_crlf) bare_ends_ |= bit;
  if (!line.empty() && (is_blank(line.front()) || is_blank(line.back()))) padded_ |= bit;
  const std::string_view word = command.word;
  spellings_ |= static_cast<uint32_t>(spelling_of(word)) << 2 * verb;
  if (count_ < kVerbs) order_ |= uint64_t{verb} << 4 * count_++;
  switch (command.verb) {
    case Verb::kEhlo:
    case Verb::kHelo:
      if (!greeted_) name_ = name_of(command.argument);
      greeted_ = true;
      break;
    case Verb::kMail:
      mail_ = envelope_of(command.argument, "FROM:", kMailParameters);
      break;
    case Verb::kRcpt:
      rcpt_ = envelope_of(command.argument, "TO:", kRcptParameters);
      break;
    default:
      break;
  }
}

std::string_view Dialect::text(std::span<char, kTextBytes> out) const {
  static constexpr std::string_view kNameForms[] = {"none", "fqdn", "name", "ip", "literal"};
  static constexpr std::string_view kPaths[] = {"<>", " <>", "-"};
  Line line(out);
  // `capitals` as it was spelled.
  const auto add_spelled = [&line](std::string_view capitals, Spelling spelling) {
    std::array<char, 8> word;
    std::ranges::copy(capitals, word.begin());
    for (size_t i = spelling == Spelling::kMixed ? 1 : 0;
         spelling != Spelling::kCapitals && i < capitals.size(); ++i) {
      if (word[i] >= 'A') word[i] = static_cast<char>(word[i] - 'A' + 'a');
    }
    line.add({word.data(), capitals.size()});
  };
  const auto add_envelope = [&](std::string_view keyword, const Envelope& envelope,
                                std::string_view letters) {
    line.add(" ");
    add_spelled(keyword, envelope.keyword);
    line.add(":");
    line.add(kPaths[static_cast<size_t>(envelope.path)]);
    if (envelope.parameters != 0) line.add("+");
    for (uint16_t rest = envelope.parameters; rest != 0; rest = static_cast<uint16_t>(rest >> 4)) {
      line.add(letters.substr((rest & 15u) - 1, 1));
    }
  };
  bool named = false;
  for (uint32_t i = 0; i < count_; ++i) {
    const auto number = static_cast<uint32_t>(order_ >> 4 * i & 15);
    const auto verb = static_cast<Verb>(number);
    if (i > 0) line.add(",");
    const std::string_view name = kNames[number];
    if (verb == Verb::kUnknown || verb == Verb::kEmpty) {
      line.add(name);
    } else {
      add_spelled(name, static_cast<Spelling>(spellings_ >> 2 * number & 3));
    }
    if ((verb == Verb::kEhlo || verb == Verb::kHelo) && !std::exchange(named, true)) {
      line.add(" ");
      line.add(kNameForms[static_cast<size_t>(name_)]);
    }
    if (verb == Verb::kMail) add_envelope("FROM", mail_, kMailLetters);
    if (verb == Verb::kRcpt) add_envelope("TO", rcpt_, kRcptLetters);
    if (padded_ >> number & 1) line.add("~");
    if (bare_ends_ >> number & 1) line.add("!");
  }
  return line.text();
}

}  // namespace postern::smtp
