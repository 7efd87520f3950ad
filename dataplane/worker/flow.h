// One mail connection under our eyes.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/ip.h"
#include "base/timer_wheel.h"
#include "dataplane/packet/forge.h"
#include "dataplane/packet/frame.h"
#include "dataplane/packet/parse.h"
#include "dataplane/smtp/responder.h"
#include "dataplane/smtp/session.h"
#include "dataplane/tcp/endpoint.h"
#include "dataplane/tcp/stream.h"
#include "dataplane/tcp/timestamps.h"

namespace postern::worker {

struct Host;

// Both directions of a connection have the same key: the lower (address, port) first.
struct FlowKey {
  IpAddress low, high;
  uint16_t low_port = 0, high_port = 0;
  uint32_t vlan = 0;
  // Compared as it is hashed: as bytes, of which there are no others than those of its members.
  bool operator==(const FlowKey& other) const {
    return std::memcmp(this, &other, sizeof other) == 0;
  }

  static FlowKey of(const packet::TcpPacket& tcp) {
    const bool source_first =
        std::pair(tcp.source, tcp.source_port) < std::pair(tcp.destination, tcp.destination_port);
    return source_first ? FlowKey{tcp.source, tcp.destination, tcp.source_port,
                                  tcp.destination_port, tcp.vlan}
                        : FlowKey{tcp.destination, tcp.source, tcp.destination_port,
                                  tcp.source_port, tcp.vlan};
  }
};

enum class FlowState : uint8_t {
  kUninspected,  // forwarded, unread: the sender's verdict is pass, or we failed open
  kInspected,
  kRefusing,   // a message was refused; the server still owes replies to earlier commands
  kAnswering,  // we speak to the client in the server's place
  kEnding,     // over for us: the server is told until it is known to have ended too
  kOpaque,     // TLS: forwarded, unread
};

constexpr bool unread(FlowState state) {
  return state == FlowState::kUninspected || state == FlowState::kOpaque;
}

// What is needed only while we answer a client ourselves; pooled.
struct Answer {
  tcp::Endpoint endpoint;
  smtp::Responder responder;
  bool has_server = false;    // a server takes part (else it never heard of this connection)
  bool server_reset = false;  // and has been sent a RST
  bool closing_said = false;  // the idle client has been told that we close
};

// Octets of one direction's payload; those that were sent twice count once.
struct Traffic {
  uint64_t octets = 0;
  packet::SeqNum end;  // behind the last one counted

  void begin(packet::SeqNum first) { *this = {0, first}; }
  void note(packet::SeqNum seen_to) {
    const int32_t fresh = seen_to - end;
    if (fresh <= 0) return;
    octets += static_cast<uint32_t>(fresh);
    end = seen_to;
  }
};

// The first cache line is what a look-up reads; the second begins with what every segment needs.
struct alignas(64) Flow : TimerEntry {
  FlowKey key;
  FlowState state = FlowState::kInspected;
  packet::Side client_side = packet::Side::kInside;
  bool closing = false;           // a RST that counts went by, or the FIN of an unread connection
  bool reset_by_server = false;   // the RST was the server\'s
  bool server_confirmed = false;  // the server has spoken in these numbers
  bool server_gone = false;       // the server answered a RST of ours with its own
  bool renewal = false;           // a new connection of the same key may be beginning
  uint8_t resets_left = 0;        // kEnding: how often the server is told yet
  uint16_t client_port = 0, server_port = 0;
  uint16_t server_window = 0;  // as on the wire, last seen
  uint16_t refused_tail = 0;   // bytes of what was refused behind the client's frontier
  IpAddress client, server;
  uint64_t last_seen_us = 0;
  Host* host = nullptr;  // the client's
  tcp::Stream client_stream, server_stream;
  tcp::TimestampClock client_clock, server_clock;
  uint64_t server_clock_seen_us = 0;
  uint64_t state_since_us = 0;  // kRefusing: when it began; kEnding: when the server was last told
  packet::SeqNum client_initial, server_initial;
  packet::LinkHeader to_client, to_server;  // as last seen on frames of that direction
  uint64_t opened_us = 0;
  Traffic client_traffic, server_traffic;
  bool reported = false;  // an event told of it
  Answer* answer = nullptr;
  smtp::Session session;
};
static_assert(sizeof(Flow) <= 2048, "a million of them idle are two gigabytes");

}  // namespace postern::worker
