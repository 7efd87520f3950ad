#include "dataplane/worker/testing/wire.h"

#include <cstdlib>
#include <utility>

namespace postern::worker::testing {

using packet::kAck;
using packet::kSyn;

PipelineConfig Wire::small() {
  PipelineConfig config;
  config.flows = 16;
  config.handshakes = 64;
  config.messages_in_flight = 4;
  config.transactions = 16;
  config.answers = config.blocked_answers = 4;
  config.flow_out_of_order_bytes = 32 * 2176;
  config.flow_retained_bytes = 32 * 2176;
  config.worker_held_bytes = 256 * 2176;
  config.greeting_host = "gate.example";
  return config;
}

Wire::Wire(const PipelineConfig& config, Observer* observer) {
  auto made = Pipeline::create(config, &frames, &verdicts, &events, this, &counters, observer);
  if (!made) std::abort();
  pipeline = std::move(*made);
  pipeline->use_signature_set(scan::testing::literal_set(), 1, nullptr);
}

Wire::~Wire() { pipeline->clear(now); }

void Wire::send(packet::Frame* frame, Side out) {
  if (tap) {
    tap(*frame, out);
    frames.release(frame);
    return;
  }
  Sent sent{out, packet::testing::read(*frame), {}};
  sent.timestamps = packet::parse_timestamps(*frame, packet::parse(*frame));
  sent_.push_back(std::move(sent));
  frames.release(frame);
}

std::vector<Sent> Wire::in_bytes(std::span<const uint8_t> frame, Side side) {
  sent_.clear();
  pipeline->process(frames.copy_of(frame), side, now);
  return std::exchange(sent_, {});
}

std::vector<Sent> Wire::in_burst(const std::vector<Packet>& packets, Side side) {
  sent_.clear();
  std::vector<packet::Frame*> burst;
  for (const Packet& packet : packets) burst.push_back(frames.copy_of(packet.bytes()));
  pipeline->process(burst, side, now);
  return std::exchange(sent_, {});
}

std::vector<Sent> Wire::wait(uint64_t milliseconds) {
  sent_.clear();
  const uint64_t end = now.monotonic_us + milliseconds * 1000;
  while (now.monotonic_us < end) {
    now.monotonic_us += 50'000;
    now.wall_us += 50'000;
    pipeline->expire(now);
  }
  return std::exchange(sent_, {});
}

Dialogue::Dialogue(Wire& w, uint16_t client_port, uint32_t client_initial, uint32_t server_initial)
    : wire(w),
      client_name("192.0.2.7:" + std::to_string(client_port)),
      client_next(client_initial),
      server_next(server_initial) {}

Packet Dialogue::client_packet(std::string payload, uint8_t flags) {
  return {.from = client_name,
          .to = server_name,
          .seq = client_next,
          .ack = server_next,
          .flags = flags,
          .payload = std::move(payload),
          .timestamps = timestamps};
}

Packet Dialogue::server_packet(std::string payload, uint8_t flags) {
  return {.from = server_name,
          .to = client_name,
          .seq = server_next,
          .ack = client_next,
          .flags = flags,
          .payload = std::move(payload),
          .timestamps = timestamps};
}

std::vector<Sent> Dialogue::client(std::string payload, uint8_t flags) {
  const Packet packet = client_packet(std::move(payload), flags);
  client_next += static_cast<uint32_t>(packet.payload.size()) + ((flags & packet::kFin) != 0);
  return wire.from_client(packet);
}

std::vector<Sent> Dialogue::server(std::string payload, uint8_t flags) {
  const Packet packet = server_packet(std::move(payload), flags);
  server_next += static_cast<uint32_t>(packet.payload.size()) + ((flags & packet::kFin) != 0);
  return wire.from_server(packet);
}

void Dialogue::open() {
  wire.from_client({.from = client_name,
                    .to = server_name,
                    .seq = client_next,
                    .flags = kSyn,
                    .timestamps = timestamps,
                    .maximum_segment_size = 1460});
  ++client_next;
  wire.from_server({.from = server_name,
                    .to = client_name,
                    .seq = server_next,
                    .ack = client_next,
                    .flags = kSyn | kAck,
                    .timestamps = timestamps,
                    .maximum_segment_size = 1460});
  ++server_next;
  client("", kAck);
}

void Dialogue::until_mail() {
  open();
  server("220 mx.example\r\n");
  client("HELO client.example\r\n");
  server("250 mx.example\r\n");
}

void Dialogue::until_recipient() {
  until_mail();
  client("MAIL FROM:<a@client.example>\r\n");
  server("250 Ok\r\n");
  client("RCPT TO:<b@mx.example>\r\n");
  server("250 Ok\r\n");
}

void Dialogue::until_data() {
  open();
  server("220 mx.example ESMTP\r\n");
  client("EHLO client.example\r\n");
  server("250-mx.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
  client("MAIL FROM:<a@client.example>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\n");
  server("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go on\r\n");
  client("", kAck);
}

}  // namespace postern::worker::testing
