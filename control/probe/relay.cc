#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "base/plain_text.h"
#include "control/probe/probe.h"

namespace postern::probe {
namespace {

constexpr int kMostConnections = 3;
constexpr size_t kReplyCharacters = 200;
constexpr std::string_view kNobody = "no-such-user-here-7f3a";

// {user} and {domain} of the recipient, {server}: its name, {literal}: its address, {from}: the
// operator's domain.
struct Form {
  std::string_view name, from, to;
  bool reads_local = false;  // as a mailbox of the server's own, if it takes any name for one
};
constexpr Form kTries[] = {
    {"outside to outside", "postern-probe@{from}", "{user}@{domain}"},
    {"no sender", "", "{user}@{domain}"},
    {"a sender of the server's name", "postmaster@{server}", "{user}@{domain}"},
    {"a sender of the server's address", "postmaster@{literal}", "{user}@{domain}"},
    {"a sender without a domain", "postmaster", "{user}@{domain}"},
    {"source route", "postern-probe@{from}", "@{server}:{user}@{domain}"},
    {"percent at the server's name", "postern-probe@{from}", "{user}%{domain}@{server}", true},
    {"percent at its address", "postern-probe@{from}", "{user}%{domain}@{literal}", true},
    {"quoted", "postern-probe@{from}", "\"{user}@{domain}\"", true},
    {"quoted at the server's name", "postern-probe@{from}", "\"{user}@{domain}\"@{server}", true},
    {"bang path", "postern-probe@{from}", "{domain}!{user}", true},
    {"bang path at the server's name", "postern-probe@{from}", "{domain}!{user}@{server}", true},
};

// A name as DNS has them, with a dot; a server may say anything.
bool is_host_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  };
  return name.size() <= 253 && name.find('.') != name.npos && std::ranges::all_of(name, allowed);
}

// Postfix, as it comes, defers what it would not relay: "454 4.7.1 <…>: Relay access denied". That
// is a refusal, unlike greylisting.
bool denies_relaying(const Reply& reply) {
  const std::string& text = reply.lines.front();
  return reply.code / 100 == 4 && text.starts_with("4.7.") && text.ends_with("Relay access denied");
}

std::string literal_of(const IpAddress& address) {
  return fmt::format("[{}{}]", address.is_v4() ? "" : "IPv6:", address.to_string());
}

class RelayProbe {
 public:
  RelayProbe(const Peer& peer, const Envelope& envelope, Clock::time_point deadline)
      : peer_(peer), envelope_(envelope), deadline_(deadline) {}

  Relay run() {
    for (int i = 0; i < kMostConnections && next_ < std::size(kTries); ++i) {
      if (!converse()) break;
    }
    judge();
    return std::move(out_);
  }

 private:
  // What one command was answered, or why not; the latter ends the connection.
  std::optional<Reply> ask(const std::string& command) {
    auto reply = dialogue_->ask(command, deadline_);
    if (!reply) {
      trouble_ = reply.error();
      return {};
    }
    if (reply->code == 421) {  // RFC 5321 3.8: it closes
      trouble_ = Failure{Failure::Kind::kClosed, "the server closed the connection"};
      return {};
    }
    return std::move(*reply);
  }

  // False: another connection would end the same way.
  bool converse() {
    auto dialogue = SmtpDialogue::connect(peer_, deadline_);
    if (!dialogue) return give_up(dialogue.error());
    dialogue_ = &*dialogue;
    auto greeting = dialogue_->read(deadline_);
    if (!greeting) return give_up(greeting.error());
    if (greeting->code != 220) {
      return give_up({Failure::Kind::kRefused,
                      fmt::format("it greets with {} {}", greeting->code,
                                  plain_text(greeting->lines.front(), kReplyCharacters))});
    }
    name_server(greeting->lines.front());
    auto hello = ask(fmt::format("EHLO {}", envelope_.helo));
    if (hello && hello->code >= 500) hello = ask(fmt::format("HELO {}", envelope_.helo));
    if (!hello) return give_up(*trouble_);
    if (hello->code != 250) {
      return give_up({Failure::Kind::kRefused,
                      fmt::format("it answers EHLO with {} {}", hello->code,
                                  plain_text(hello->lines.front(), kReplyCharacters))});
    }
    if (!any_name_) {
      const auto taken = take({"", "postern-probe@{from}", fmt::format("{}@{{server}}", kNobody)});
      if (!taken) return may_go_on();
      any_name_ = taken->state != RelayState::kClosed;
    }
    while (next_ < std::size(kTries)) {
      const Form& form = kTries[next_];
      auto taken = take(form);
      if (!taken) return may_go_on();
      if (form.reads_local && *any_name_ && taken->state == RelayState::kOpen) {
        taken->state = RelayState::kUndecided;
        taken->says_nothing = true;
      }
      out_.tries.push_back(std::move(*taken));
      ++next_;
    }
    static_cast<void>(ask("QUIT"));
    return true;
  }

  bool give_up(const Failure& why) {
    trouble_ = why;
    return false;
  }
  // Only what a server ended is begun again, and not when it ends twice at the same try.
  bool may_go_on() {
    const bool same = stopped_at_ == next_;
    stopped_at_ = next_;
    return trouble_->kind == Failure::Kind::kClosed && !same;
  }

  void name_server(std::string_view banner) {
    const std::string_view name = banner.substr(0, banner.find(' '));
    server_ = is_host_name(name) ? std::string(name) : literal_of(peer_.address);
  }

  std::string fill(std::string_view form) const {
    const size_t at = envelope_.recipient.rfind('@');
    return fmt::format(fmt::runtime(form), fmt::arg("user", envelope_.recipient.substr(0, at)),
                       fmt::arg("domain", envelope_.recipient.substr(at + 1)),
                       fmt::arg("server", server_), fmt::arg("literal", literal_of(peer_.address)),
                       fmt::arg("from", envelope_.domain));
  }

  // Nothing: the connection is over.
  std::optional<Try> take(const Form& form) {
    Try out{std::string(form.name), fill(form.from), fill(form.to)};
    auto reply = ask(fmt::format("MAIL FROM:<{}>", out.from));
    if (!reply) return {};
    if (reply->code / 100 == 2) {
      reply = ask(fmt::format("RCPT TO:<{}>", out.to));
      if (!reply) return {};
      // 251: it forwards; 252: it does not say.
      if (reply->code / 100 == 2 && reply->code != 252) out.state = RelayState::kOpen;
    }
    const std::string& text = reply->lines.front();
    const bool wants_tls = reply->code == 530 && text.find("STARTTLS") != text.npos;
    if ((reply->code / 100 == 5 && !wants_tls) || denies_relaying(*reply))
      out.state = RelayState::kClosed;
    out.code = reply->code;
    out.reply = plain_text(text, kReplyCharacters);
    static_cast<void>(ask("RSET"));  // if that failed, the next command says so
    return out;
  }

  void judge() {
    const auto first = [&](RelayState state) {
      return std::ranges::find_if(
          out_.tries, [&](const Try& made) { return made.state == state && !made.says_nothing; });
    };
    const auto end = out_.tries.end();
    const auto quote = [](const Try& made) {
      return fmt::format("\"{}\" was answered {} {}", made.name, made.code, made.reply);
    };
    if (const auto taken = first(RelayState::kOpen); taken != end) {
      out_.state = RelayState::kOpen;
      out_.text = fmt::format(
          "The server is open: {} of {} tries were taken; {}. Nothing was sent: a few servers "
          "refuse only after DATA.",
          std::ranges::count(out_.tries, RelayState::kOpen, &Try::state), out_.tries.size(),
          quote(*taken));
    } else if (const auto open = first(RelayState::kUndecided); open != end) {
      out_.text = fmt::format("Not decided: {}.", quote(*open));
    } else if (next_ == std::size(kTries)) {
      out_.state = RelayState::kClosed;
      const auto refused = std::ranges::count(out_.tries, RelayState::kClosed, &Try::state);
      out_.text = fmt::format(
          "The server is closed: {} of {} tries were refused{}; {}.", refused, out_.tries.size(),
          refused == std::ssize(out_.tries) ? "" : ", the others it took for names of its own",
          quote(out_.tries.front()));
    } else {
      out_.text = fmt::format("Not decided: {} of {} tries were made and refused, then {}.",
                              out_.tries.size(), std::size(kTries),
                              trouble_ ? trouble_->text : "the server ended it");
    }
  }

  const Peer& peer_;
  const Envelope& envelope_;
  const Clock::time_point deadline_;
  SmtpDialogue* dialogue_ = nullptr;
  std::string server_;
  std::optional<bool> any_name_;  // whether it takes any name for a mailbox of its own
  size_t next_ = 0;               // of kTries
  std::optional<size_t> stopped_at_;
  std::optional<Failure> trouble_;
  Relay out_;
};

}  // namespace

Relay try_relaying(const Peer& peer, const Envelope& envelope, Clock::time_point deadline) {
  return RelayProbe(peer, envelope, deadline).run();
}

}  // namespace postern::probe
