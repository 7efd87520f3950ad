// Mail in IP fragments through a whole worker, ports' lanes to ports' lanes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <thread>
#include <vector>

#include "dataplane/packet/testing/builder.h"
#include "dataplane/packet/testing/fragments.h"
#include "dataplane/ports/testing/eal_environment.h"
#include "dataplane/scan/testing/literal_scan.h"
#include "dataplane/verdict/verdict_table.h"
#include "dataplane/worker/distributor.h"
#include "dataplane/worker/loop.h"

namespace postern::worker {
namespace {

using packet::Side;
using packet::testing::Bytes;
using packet::testing::Packet;
using packet::testing::Seen;
using ports::MbufFrameSource;
using ports::RxLane;
using ports::TxLane;

const auto* const kEal = ::testing::AddGlobalTestEnvironment(new ports::testing::EalEnvironment);

// What one end's application has read.
struct Host {
  std::string name;
  uint32_t sends_from;  // its next sequence number
  uint32_t expects = 0;
  std::string read;
  size_t segments = 0;

  void receive(const Seen& seen) {
    ++segments;
    if (seen.flags & packet::kSyn) expects = seen.seq + 1;
    if (seen.payload.empty() || seen.seq != expects) return;
    read += seen.payload;
    expects += static_cast<uint32_t>(seen.payload.size());
  }
};

class NoEvents : public EventSink {
 public:
  Event* reserve() override { return nullptr; }
  void publish(Event*) override {}
};

// Both ends send everything in fragments, the last of them first.
class FragmentedMail : public ::testing::TestWithParam<bool> {
 protected:
  static constexpr uint32_t kFrames = 2047;

  FragmentedMail()
      : source_(*MbufFrameSource::create("fragmented_mail", kFrames, 1522)),
        verdicts_(*verdict::VerdictTable::create({.capacity = 16, .readers = 1})) {
    if (GetParam()) {
      client_.name = "[2001:db8::7]:40000";
      server_.name = "[2001:db8::25]:25";
    }
    for (size_t side = 0; side < 2; ++side)
      for (auto* rings : {&in_, &out_})
        (*rings)[side] =
            Ring(rte_ring_create(fmt::format("mail_{}_{}", side, rings == &in_).c_str(), 1024,
                                 SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ));
    const WorkerLanes lanes{
        .receive = {RxLane::from_ring(in_[0].get()), RxLane::from_ring(in_[1].get())},
        .transmit = {{{TxLane::to_ring(out_[0].get())}, {TxLane::to_ring(out_[1].get())}}},
        .reassembly = ports::ReassemblyConfig{}};
    PipelineConfig config;
    config.flows = config.transactions = 16;
    config.messages_in_flight = config.answers = config.blocked_answers = 16;
    worker_ =
        *Worker::create(config, {source_.get(), &clock_, verdicts_.get()}, lanes, &events_, 0);
    worker_->post({.set = scan::testing::literal_set(), .generation = 1});
    thread_ = std::thread([this] { worker_->run(); });
  }
  ~FragmentedMail() override {
    worker_->stop();
    thread_.join();
    for (const Side side : {Side::kInside, Side::kOutside}) take_in(side);
    worker_.reset();
    EXPECT_EQ(source_->frames_free(), kFrames);
  }

  // From the one end to the other, as fragments of at most `octets`.
  void send(Host& from, Host& to, uint8_t flags, const std::string& payload, uint32_t octets) {
    const Packet packet{.from = from.name,
                        .to = to.name,
                        .seq = from.sends_from,
                        .ack = flags & packet::kAck ? from.expects : 0,
                        .flags = flags,
                        .payload = payload};
    from.sends_from +=
        static_cast<uint32_t>(payload.size()) + ((flags & packet::kSyn) != 0 ? 1 : 0);
    auto parts =
        packet::testing::fragments(packet::testing::fragmentable(packet.bytes()), ++id_, octets);
    ASSERT_GT(parts.size(), 1u);
    std::ranges::reverse(parts);
    for (const Bytes& bytes : parts) {
      packet::Frame* frame = source_->allocate();
      ASSERT_NE(frame, nullptr);
      std::ranges::copy(bytes, frame->data());
      frame->length = static_cast<uint32_t>(bytes.size());
      rte_ring_sp_enqueue(in_[&from == &server_].get(),
                          MbufFrameSource::write_back(frame, ports::ChecksumOffload::kNone));
    }
  }
  // What has left by a side; how many frames.
  size_t take_in(Side side) {
    rte_mbuf* mbuf = nullptr;
    size_t taken = 0;
    const RxLane lane = RxLane::from_ring(out_[static_cast<size_t>(side)].get());
    for (; lane.receive(&mbuf, 1) == 1; ++taken) {
      packet::Frame* frame = source_->attach(mbuf);
      EXPECT_LE(frame->length, 1514u);
      const Seen seen = packet::testing::read(*frame);
      EXPECT_TRUE(seen.checksums_right) << to_text(seen);
      (side == Side::kOutside ? server_ : client_).receive(seen);
      source_->release(frame);
    }
    return taken;
  }
  void await(const std::function<bool()>& done) {
    while (!done()) {
      for (const Side side : {Side::kInside, Side::kOutside}) take_in(side);
      std::this_thread::yield();
    }
  }
  void client_says(const std::string& text, uint32_t octets = 24) {
    send(client_, server_, packet::kAck | packet::kPsh, text, octets);
    dialogue_ += text;
  }
  void until_server_read_all() {
    await([&] { return server_.read.size() >= dialogue_.size(); });
    EXPECT_EQ(server_.read, dialogue_);
  }
  void server_says(const std::string& text) {
    const size_t before = client_.read.size();
    send(server_, client_, packet::kAck | packet::kPsh, text, 24);
    await([&] { return client_.read.size() > before; });
  }
  void until_data() {
    send(client_, server_, packet::kSyn, "", 8);
    await([&] { return server_.expects != 0; });
    send(server_, client_, packet::kSyn | packet::kAck, "", 8);
    await([&] { return client_.expects != 0; });
    // A server speaks when it has this: on its own lane, the greeting could be looked at first.
    send(client_, server_, packet::kAck, "", 16);
    await([&] { return server_.segments == 2; });
    server_says("220 mx.example ESMTP\r\n");
    for (const char* line : {"EHLO client.example\r\n", "MAIL FROM:<a@client.example>\r\n",
                             "RCPT TO:<b@mx.example>\r\n", "DATA\r\n"}) {
      client_says(line);
      until_server_read_all();
      server_says(line == std::string("DATA\r\n") ? "354 go on\r\n" : "250 2.0.0 Ok\r\n");
    }
  }

  std::unique_ptr<MbufFrameSource> source_;
  std::unique_ptr<verdict::VerdictTable> verdicts_;
  std::array<Ring, 2> in_, out_;
  ports::Clock clock_;
  NoEvents events_;
  std::unique_ptr<Worker> worker_;
  std::thread thread_;
  Host client_{"192.0.2.7:40000", 1000}, server_{"198.51.100.1:25", 5000};
  std::string dialogue_;
  uint32_t id_ = 0;
};

TEST_P(FragmentedMail, HamArrivesOctetForOctet) {
  until_data();
  std::string message = "Subject: hi\r\n\r\n";
  while (message.size() < 4000) message += fmt::format("line {}\r\n", message.size());
  client_says(message, 1400);  // longer than the MTU when it is whole
  client_says("the last line\r\n.\r\n");
  until_server_read_all();
  server_says("250 2.0.0 Ok: queued\r\n");
  EXPECT_GT(worker_->counters().get(Counter::kFragmentsJoined), 16u);
}

TEST_P(FragmentedMail, SpamIsRefused) {
  until_data();
  client_says("Subject: hi\r\n\r\nSPAM-HERE\r\n.\r\n");
  const std::string delivered = dialogue_.substr(0, dialogue_.size() - 3);
  await([&] {
    return client_.read.ends_with("\r\n") && client_.read.find("\r\n554 ") != std::string::npos &&
           server_.read.size() >= delivered.size();
  });
  EXPECT_EQ(worker_->counters().get(Counter::kMessagesRefusedContent), 1u);
  EXPECT_EQ(server_.read, delivered);
}

INSTANTIATE_TEST_SUITE_P(Families, FragmentedMail, ::testing::Values(false, true),
                         [](const auto& family) { return family.param ? "Ipv6" : "Ipv4"; });

}  // namespace
}  // namespace postern::worker
