// Many adversarial SMTP sessions at once, by raw frames on one interface (see attack_session.h).
// One line of JSON per session on standard output. A session is given by the seed and its number
// alone:
// `--first N --sessions 1` replays it.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>

#include "tests/wire/attack_session.h"
#include "tests/wire/packet_socket.h"

namespace postern::wire {
namespace {

struct Options {
  std::string interface, next_hop, server_v4, server_v6, client_v4, client_v6;
  uint64_t seed = 1, first = 0, sessions = 100;
  size_t at_once = 64;
  unsigned clients = 16;  // addresses in a row
};

constexpr MacAddress kMac{0x02, 0, 0, 0xa7, 0x7a, 0xc4};
constexpr uint16_t kFirstPort = 10'000;
constexpr auto kQuiet = std::chrono::seconds(2);  // after the last word of a server
constexpr auto kTick = std::chrono::milliseconds(4);

MacAddress parse_mac(const std::string& text) {
  MacAddress out{};
  if (std::sscanf(text.c_str(), "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &out[0], &out[1], &out[2], &out[3],
                  &out[4], &out[5]) != 6) {
    throw std::invalid_argument("no hardware address: " + text);
  }
  return out;
}

std::array<uint8_t, 16> parse_address(int family, const std::string& text) {
  std::array<uint8_t, 16> out{};
  if (inet_pton(family, text.c_str(), out.data()) != 1) {
    throw std::invalid_argument("no address: " + text);
  }
  return out;
}

class Attacker {
 public:
  explicit Attacker(const Options& options)
      : options_(options), socket_(options.interface), next_(options.first) {}

  void run() {
    const uint64_t end = options_.first + options_.sessions;
    auto tick_due = Clock::now();
    while (next_ < end || !sessions_.empty() || Clock::now() < quiet_until_) {
      while (next_ < end && sessions_.size() < options_.at_once) open(next_++);
      flush();
      pollfd file{socket_.descriptor(), POLLIN, 0};
      poll(&file, 1, static_cast<int>(kTick.count()));
      for (const auto frame : socket_.receive()) take(frame);
      if (Clock::now() < tick_due) continue;
      tick_due = Clock::now() + kTick;
      for (auto& [key, session] : sessions_) session->tick(Clock::now());
      std::erase_if(sessions_, [](const auto& entry) {
        if (!entry.second->over()) return false;
        fmt::print("{}\n", entry.second->report());
        return true;
      });
      std::fflush(stdout);
    }
    flush();
  }

 private:
  using Key = std::pair<std::array<uint8_t, 16>, uint16_t>;

  Endpoints ends_of(uint64_t number) const {
    Endpoints ends{
        .v6 = number % 2 == 1, .client_mac = kMac, .next_hop_mac = parse_mac(options_.next_hop)};
    ends.client = ends.v6 ? parse_address(AF_INET6, options_.client_v6)
                          : parse_address(AF_INET, options_.client_v4);
    uint8_t& host = ends.client[ends.v6 ? 15 : 3];
    host = static_cast<uint8_t>(host + number / 2 % options_.clients);
    ends.server = ends.v6 ? parse_address(AF_INET6, options_.server_v6)
                          : parse_address(AF_INET, options_.server_v4);
    ends.client_port = static_cast<uint16_t>(kFirstPort + number % 50'000);
    return ends;
  }

  void open(uint64_t number) {
    const Endpoints ends = ends_of(number);
    auto session = std::make_unique<AttackSession>(options_.seed, number, ends,
                                                   [this](std::vector<uint8_t> frame) {
                                                     leaving_.push_back(std::move(frame));
                                                     if (leaving_.size() >= PacketSocket::kBurst)
                                                       flush();
                                                   });
    session->begin(Clock::now());
    sessions_.emplace(Key{ends.client, ends.client_port}, std::move(session));
  }

  void take(std::span<const uint8_t> frame) {
    const auto segment = read_frame(frame);
    if (!segment) return;
    const auto found = sessions_.find(Key{segment->client, segment->client_port});
    if (found != sessions_.end()) return found->second->arrived(*segment, Clock::now());
    // A host without such a connection says so (RFC 9293 3.10.7.1), and a server still waiting for
    // one that was abandoned learns it.
    if ((segment->flags & kRst) != 0) return;
    quiet_until_ = Clock::now() + kQuiet;
    Endpoints ends = ends_of(0);
    ends.v6 = segment->v6;
    ends.client = segment->client;
    ends.server = segment->server;
    ends.client_port = segment->client_port;
    leaving_.push_back(build_frame(ends, {.seq = segment->ack, .flags = kRst}));
  }

  void flush() {
    const std::vector<std::span<const uint8_t>> frames(leaving_.begin(), leaving_.end());
    socket_.send(frames);
    leaving_.clear();
  }

  const Options& options_;
  PacketSocket socket_;
  uint64_t next_;
  std::map<Key, std::unique_ptr<AttackSession>> sessions_;
  std::vector<std::vector<uint8_t>> leaving_;
  Clock::time_point quiet_until_;
};

}  // namespace
}  // namespace postern::wire

int main(int argc, char** argv) {
  CLI::App app("Adversarial SMTP sessions by raw frames");
  postern::wire::Options options;
  app.add_option("interface", options.interface)->required();
  app.add_option("--next-hop", options.next_hop, "Hardware address towards the servers")
      ->required();
  app.add_option("--server-v4", options.server_v4)->required();
  app.add_option("--server-v6", options.server_v6)->required();
  app.add_option("--client-v4", options.client_v4, "First of the clients' addresses")->required();
  app.add_option("--client-v6", options.client_v6)->required();
  app.add_option("--clients", options.clients, "How many addresses of each kind");
  app.add_option("--seed", options.seed);
  app.add_option("--first", options.first, "Number of the first session");
  app.add_option("--sessions", options.sessions);
  app.add_option("--at-once", options.at_once);
  CLI11_PARSE(app, argc, argv);
  try {
    postern::wire::Attacker(options).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "segment-attacker: %s\n", error.what());
    return 1;
  }
}
