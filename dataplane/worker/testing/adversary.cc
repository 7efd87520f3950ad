#include "dataplane/worker/testing/adversary.h"

#include <fmt/format.h>

#include <algorithm>

namespace postern::worker::testing {

using packet::kAck;
using packet::kFin;
using packet::kPsh;
using packet::kRst;
using packet::kSyn;
using packet::SeqNum;

namespace {

constexpr size_t kLogged = 24;

void log(std::vector<Segment>& entries, const Segment& segment) {
  if (entries.size() == kLogged) entries.erase(entries.begin());
  entries.push_back(segment);
}

}  // namespace

Adversary::Adversary(Wire& wire, Referee& referee, Choices& choices, OddityCounts& counts)
    : wire_(wire), referee_(referee), choices_(choices), counts_(counts), host_(choices) {
  wire_.tap = [this](packet::Frame& frame, Side out) {
    if (auto arrived = path_.read(frame, out == Side::kOutside)) {
      left_.push_back({std::move(*arrived), out});
    }
  };
}

Adversary::~Adversary() {
  wire_.tap = nullptr;
  wire_.events.events.clear();
}

std::string Adversary::run() {
  ++counts_.sessions;
  referee_.begin(wire_.counters);
  choose_hosts();
  if (connect() && reach_text()) attack();
  release_late();
  wire_.pipeline->clear(wire_.now);
  if (!wrong_.empty()) return wrong_;
  if (wire_.pipeline->flows() != 0) return "flows are left";
  if (wire_.pipeline->messages_in_flight() != 0) return "messages are left";
  if (wire_.frames.in_use() != 0) return "frames are left";
  return {};
}

void Adversary::blame(std::string wrong) {
  if (wrong_.empty()) wrong_ = std::move(wrong);
}

bool Adversary::chance(uint32_t n, Oddity oddity) {
  if (!choices_.one_in(n)) return false;
  count(oddity);
  return true;
}

void Adversary::choose_hosts() {
  static const IpAddress kClient4 = *IpAddress::parse("192.0.2.7"),
                         kServer4 = *IpAddress::parse("198.51.100.1"),
                         kClient6 = *IpAddress::parse("2001:db8::7"),
                         kServer6 = *IpAddress::parse("2001:db8:1::25");
  const bool six = chance(4, Oddity::kIpv6);
  path_.client = six ? kClient6 : kClient4;
  path_.server = six ? kServer6 : kServer4;
  path_.client_port = client_port;
  if (chance(6, Oddity::kVlan)) path_.vlans = {7};
  if (path_.vlans.size() == 1 && choices_.one_in(2)) path_.vlans.push_back(9);
}

// The commands, then three copies of the text with another octet at nearly every place.
void Adversary::choose_copies() {
  lines_ = choices_.below(3) != 0;
  const uint32_t octets = 24 + choices_.below(120);
  std::string commands =
      "EHLO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<b@mx.example>\r\n";
  commands += lines_ ? "DATA\r\n" : fmt::format("BDAT {} LAST\r\n", octets);
  preamble_ = static_cast<uint32_t>(commands.size());
  std::mt19937 random(choices_.below(65536));
  for (std::string& copy : copies_) copy = commands;
  for (uint32_t i = 0; i < octets; ++i) {
    const auto any = static_cast<uint32_t>(random());
    for (uint32_t copy = 0; copy < 3; ++copy) {
      copies_[copy] += static_cast<char>(lines_ ? 'a' + any % 8 + copy * 8 : any + copy * 77);
    }
  }
  const auto place = [&](uint32_t copy, std::string_view words) {
    const uint32_t room = octets - static_cast<uint32_t>(words.size());
    copies_[copy].replace(preamble_ + choices_.below(room), words.size(), words);
  };
  if (!choices_.one_in(3)) {
    place(0, Referee::kSpam);
    if (choices_.one_in(2)) place(1, Referee::kSpam);
  }
  const uint32_t ends = lines_ ? choices_.below(4) : 0;
  if (ends == 1) place(any_copy(), "\r\n.\r\n");
  for (std::string& copy : copies_) {
    if (ends >= 2) copy.replace(copy.size() - 5, 5, "\r\n.\r\n");
    copy += "NOOP\r\nNOOP\r\n";
  }
}

bool Adversary::connect() {
  impaired_ = choices_.one_in(4);
  timestamps_ = !choices_.one_in(3);
  choose_copies();
  // In half of all connections zero is passed within the text.
  const uint32_t before_zero = preamble_ + choices_.below(length() - preamble_);
  if (host_.connections() > 0 && choices_.one_in(3)) {
    initial_ = initial_ + choices_.below(400);  // old segments are as good as new ones
  } else {
    initial_ = {choices_.one_in(2) ? 0u - before_zero : choices_.below(65536) * 65521u};
  }
  if (number(preamble_).value > number(length()).value) count(Oddity::kWrapped);
  sent_ = acknowledged_ = 0;
  opened_ = saw_reset_ = false;
  finish_at_.reset();
  ranges_.clear();
  if (choices_.one_in(16)) foreign_syn();
  if (choices_.one_in(32)) forge_server();
  for (int attempt = 0; attempt < 4 && !opened_ && wrong_.empty(); ++attempt) {
    open(attempt > 0);
  }
  if (!opened_) return false;
  if (chance(24, Oddity::kStalledHandshake)) {
    // The server repeats itself (RFC 6298 5.5).
    for (uint64_t seconds = 1; seconds < 64; seconds *= 2) {
      if (choices_.one_in(3)) break;
      pass(seconds * 1000);
      host_.repeat();
      settle();
      if (seconds == 32) host_.give_up_opening();
    }
  }
  carry({.seq = number(0),
         .ack = server_next_,
         .timestamps = data(0, 0, 0).timestamps,
         .payload = {}},
        Side::kInside);
  settle();
  return wrong_.empty();
}

void Adversary::open(bool again) {
  if (again && host_.state() != MailHost::State::kListening) {
    // What the server's challenge draws from an honest client: RFC 5961 4.
    carry({.seq = host_.own().next(), .ack = {}, .flags = kRst, .payload = {}}, Side::kInside);
    pass(1000);
  }
  Segment syn{.seq = initial_, .ack = {}, .flags = kSyn, .payload = {}};
  if (timestamps_) syn.timestamps = packet::Timestamps{++clock_, 0};
  if (chance(8, Oddity::kSynData)) syn.payload = copies_[0].substr(0, 1 + choices_.below(40));
  if (chance(32, Oddity::kSynFin)) syn.flags |= kFin;
  carry(syn, Side::kInside);
  settle();
}

// Somebody outside says in the server's name that it opens a connection to the client; the client
// goes along with it.
void Adversary::foreign_syn() {
  count(Oddity::kForeignSyn);
  carry({.seq = {choices_.below(65536)}, .ack = {}, .flags = kSyn, .payload = {}}, Side::kOutside);
  if (!chance(2, Oddity::kForeignSynAnswered)) return;
  Segment answer = data(sent_, choices_.below(20), any_copy());
  answer.flags = kSyn | kAck;
  if (choices_.one_in(2)) answer.seq = initial_;
  carry(answer, Side::kInside);
}

bool Adversary::reach_text() {
  const std::string& all = copies_[0];
  const bool pipelined = chance(3, Oddity::kPipelined);
  for (uint32_t at = 0; at < preamble_;) {
    auto end = static_cast<uint32_t>(all.find('\n', at)) + 1;
    if (pipelined && at > 0) end = preamble_;
    if (pipelined && at > 0 && !lines_) {
      // Nothing makes the client wait for the replies before its chunk.
      carry(data(at, end - at, 0), Side::kInside);
      sent_ = end;
      break;
    }
    if (!converse(at, end - at, end < preamble_ || lines_)) return false;
    at = end;
  }
  ++counts_.texts;
  return true;
}

// A command, repeated until the server has it and the client the reply.
bool Adversary::converse(uint32_t offset, uint32_t octets, bool expects_reply) {
  const SeqNum reply_at = server_next_;
  for (int attempt = 0; attempt < 8 && wrong_.empty(); ++attempt) {
    carry(data(offset, octets, 0), Side::kInside);
    sent_ = std::max(sent_, offset + octets);
    if (lines_ && sent_ >= preamble_ && chance(4, Oddity::kEarlyText)) {
      carry(data(preamble_, 1 + choices_.below(20), any_copy()), Side::kInside);
    }
    settle();
    if (acknowledged_ >= offset + octets && (!expects_reply || server_next_ != reply_at)) {
      return wrong_.empty();
    }
    if (host_.state() == MailHost::State::kListening) return false;
    pass(200);
    host_.repeat();
    settle();
  }
  return false;
}

void Adversary::attack() {
  impaired_ = true;
  const uint32_t steps = 24 + choices_.below(80);
  for (uint32_t i = 0; i < steps && wrong_.empty() && !choices_.over(); ++i) {
    step();
    if (choices_.one_in(2)) host_.speak();
    if (choices_.one_in(12)) host_.repeat();
    relay_server();
    const bool ended = host_.state() == MailHost::State::kListening;
    if (choices_.one_in(ended ? 4 : 64)) reconnect();
  }
}

// Lets the server say all, and its words arrive.
void Adversary::settle() {
  host_.speak();
  for (int i = 0; i < 8 && (!host_.outgoing.empty() || !on_the_way_.empty()); ++i) relay_server();
}

void Adversary::relay_server() {
  std::ranges::move(host_.outgoing, std::back_inserter(on_the_way_));
  host_.outgoing.clear();
  for (size_t n = on_the_way_.size(); n > 0 && !on_the_way_.empty(); --n) {
    size_t which = 0;
    if (impaired_ && on_the_way_.size() > 1 && chance(4, Oddity::kServerReordered)) {
      which = 1 + choices_.below(static_cast<uint32_t>(on_the_way_.size()) - 1);
    }
    const Segment segment = on_the_way_[which];
    if (!impaired_ || !chance(16, Oddity::kServerTwice)) {
      on_the_way_.erase(on_the_way_.begin() + static_cast<ptrdiff_t>(which));
    }
    log(server_log_, segment);
    if (impaired_ && chance(16, Oddity::kServerLost)) continue;
    carry(segment, Side::kOutside);
  }
}

void Adversary::carry(const Segment& segment, Side from) {
  if (verbose) show(from == Side::kInside ? "client" : "server", segment);
  if (from == Side::kInside) log(client_log_, segment);
  put(segment, from == Side::kInside, from);
}

void Adversary::put(const Segment& segment, bool from_client, Side side) {
  wire_.now.monotonic_us += 1000;
  wire_.now.wall_us += 1000;
  wire_.in_bytes(path_.frame(segment, from_client), side);
  deliver();
}

void Adversary::deliver() {
  for (const Left& left : left_) {
    const auto& [segment, right] = left.arrived;
    if (verbose) show(left.out == Side::kOutside ? "  to server" : "  to client", segment);
    if (left.out == Side::kInside) {
      if (!impaired_ || !choices_.one_in(12)) client_receives(segment);
    } else if (impaired_ && chance(12, Oddity::kLostBehind)) {
      continue;
    } else if (impaired_ && chance(14, Oddity::kLateBehind)) {
      late_.push_back({segment, right});
    } else {
      if (segment.hops < MailHost::kHopsAway) count(Oddity::kLowTtl);
      host_.receive(segment, right);
      blame(referee_.judge(host_));
    }
  }
  left_.clear();
}

void Adversary::client_receives(const Segment& s) {
  if (s.has(kRst)) {
    saw_reset_ = true;
    if (host_.resets_sent() == 0) blame("the client was sent a RST that is not the server's");
    return;
  }
  if (s.has(kSyn)) {
    if (!s.has(kAck) || s.ack != initial_ + 1 || opened_) return;
    opened_ = true;
    server_next_ = s.seq + 1;
    return;
  }
  const int32_t acknowledged = s.ack - number(0);
  if (acknowledged > 0 && acknowledged <= static_cast<int32_t>(sent_) + 1) {
    acknowledged_ = std::max(acknowledged_, static_cast<uint32_t>(acknowledged));
  }
  const SeqNum end = s.seq + static_cast<uint32_t>(s.payload.size()) + s.has(kFin);
  if (s.seq <= server_next_ && end > server_next_) server_next_ = end;
}

void Adversary::pass(uint64_t milliseconds) {
  // In few steps, whatever it takes: at most a timer's tick late.
  const uint64_t steps = std::min<uint64_t>(milliseconds, 20);
  for (uint64_t i = 0; i < steps; ++i) {
    wire_.now.monotonic_us += milliseconds * 1000 / steps;
    wire_.now.wall_us += milliseconds * 1000 / steps;
    wire_.pipeline->expire(wire_.now);
  }
  deliver();
}

void Adversary::show(const char* where, const Segment& s) const {
  std::string flags, text;
  for (const auto& [bit, letter] : {std::pair{kSyn, 'S'},
                                    {kFin, 'F'},
                                    {kRst, 'R'},
                                    {kPsh, 'P'},
                                    {kAck, '.'},
                                    {packet::kUrg, 'U'}}) {
    if (s.flags & bit) flags += letter;
  }
  for (const char c : s.payload) {
    const auto octet = static_cast<unsigned char>(c);
    text += octet >= 32 && octet < 127 ? std::string(1, c) : fmt::format("\\x{:02x}", octet);
  }
  const bool server = std::string_view(where).starts_with("server") || where[5] == 'c';
  fmt::print(stderr, "{:10} [{}] seq {} ack {} ttl {}{}{} \"{}\"\n", where, flags,
             server ? s.seq - server_next_ : s.seq - number(0),
             server ? s.ack - number(0) : s.ack - server_next_, s.hops,
             s.timestamps ? fmt::format(" ts {}", s.timestamps->value) : "",
             s.bad_tcp_checksum || s.bad_ip_checksum || s.damaged_octet ? " damaged" : "", text);
}

}  // namespace postern::worker::testing
