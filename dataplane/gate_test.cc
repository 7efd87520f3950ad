// The gate over capture files, with a pipeline that forwards everything: what stands in the one
// file comes out in the other.
#include "dataplane/gate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>

#include "dataplane/packet/testing/builder.h"
#include "dataplane/packet/testing/fragments.h"
#include "dataplane/ports/testing/eal_environment.h"

namespace postern {
namespace {

using packet::testing::Packet;
using ports::testing::VirtualDevice;
using Frames = std::vector<std::vector<uint8_t>>;

const auto* const kEal = ::testing::AddGlobalTestEnvironment(new ports::testing::EalEnvironment);

void write_capture(const std::filesystem::path& file, const Frames& frames) {
  pcap_t* pcap = pcap_open_dead(DLT_EN10MB, 65535);
  pcap_dumper_t* dump = pcap_dump_open(pcap, file.c_str());
  ASSERT_NE(dump, nullptr);
  for (const auto& bytes : frames) {
    const auto length = static_cast<uint32_t>(bytes.size());
    const pcap_pkthdr header{.ts = {}, .caplen = length, .len = length};
    pcap_dump(reinterpret_cast<u_char*>(dump), &header, bytes.data());
  }
  pcap_dump_close(dump);
  pcap_close(pcap);
}

Frames read_capture(const std::filesystem::path& file) {
  char error[PCAP_ERRBUF_SIZE];
  pcap_t* pcap = pcap_open_offline(file.c_str(), error);
  EXPECT_NE(pcap, nullptr) << error;
  Frames frames;
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  while (pcap != nullptr && pcap_next_ex(pcap, &header, &bytes) == 1)
    frames.emplace_back(bytes, bytes + header->caplen);
  if (pcap != nullptr) pcap_close(pcap);
  return frames;
}

class GateOverCaptures : public ::testing::Test {
 protected:
  GateOverCaptures()
      : directory_(std::filesystem::temp_directory_path() /
                   fmt::format("postern_gate_{}", getpid())) {
    std::filesystem::create_directories(directory_);
  }
  ~GateOverCaptures() override { std::filesystem::remove_all(directory_); }

  // What left by each port, when these frames arrived.
  std::array<Frames, 2> carry(const std::array<Frames, 2>& arriving, int workers) {
    const char* names[] = {"net_pcap0", "net_pcap1"};
    for (size_t side = 0; side < 2; ++side)
      write_capture(directory_ / fmt::format("in{}", side), arriving[side]);
    {
      const auto arguments = [&](int side) {
        return fmt::format("rx_pcap={0}/in{1},tx_pcap={0}/out{1}", directory_.string(), side);
      };
      const VirtualDevice inside(names[0], arguments(0)), outside(names[1], arguments(1));
      const auto settings = Settings::parse(fmt::format(R"(
[ports]
inside = "net_pcap0"
outside = "net_pcap1"
descriptors = 64
[worker]
count = {}
idle_sleep_us = 50
[limits]
held_mib = 1
)",
                                                        workers),
                                            "test.toml");
      EXPECT_TRUE(settings.has_value()) << settings.error();
      run(*settings, arriving[0].size() + arriving[1].size());
    }
    return {read_capture(directory_ / "out0"), read_capture(directory_ / "out1")};
  }

  void run(const Settings& settings, uint64_t frames) {
    auto verdicts = *verdict::VerdictTable::create({.capacity = 16, .readers = settings.workers});
    const std::vector<worker::EventSink*> sinks(settings.workers, nullptr);
    auto gate = Gate::assemble(settings, verdicts.get(), sinks);
    ASSERT_TRUE(gate.has_value()) << gate.error();
    distribution_ = (*gate)->describe_distribution();
    const auto launched = (*gate)->launch();
    ASSERT_TRUE(launched.has_value()) << launched.error();
    const auto count = [&](Counter counter) {
      uint64_t sum = 0;
      for (const auto& worker : (*gate)->workers()) sum += worker->counters().get(counter);
      if (const auto* distributor = (*gate)->distributor())
        sum += distributor->counters().get(counter);
      return sum;
    };
    while (count(Counter::kFramesOut) + count(Counter::kDropTransmit) +
               count(Counter::kDropWorkerQueue) <
           frames - frames_lost_)
      std::this_thread::yield();
    (*gate)->stop();
    EXPECT_EQ(count(Counter::kFramesOut), frames - frames_lost_);
    for (const auto& worker : (*gate)->workers())
      frames_by_worker_.push_back(worker->counters().get(Counter::kFramesIn));
  }

  std::filesystem::path directory_;
  std::string distribution_;
  uint64_t frames_lost_ = 0;  // that come in and do not go out as such
  std::vector<uint64_t> frames_by_worker_;
};

TEST_F(GateOverCaptures, OneWorkerCarriesEverythingAcrossIdenticalAndInOrder) {
  Frames to_servers, to_clients;
  for (uint32_t i = 0; i < 300; ++i) {
    to_servers.push_back(
        Packet{.from = fmt::format("192.0.2.7:{}", 40000 + i % 9),
               .seq = i,
               .payload = std::string(i * 4, 'x'),
               .vlans = i % 3 == 0 ? std::vector<uint16_t>{7} : std::vector<uint16_t>{}}
            .bytes());
    to_clients.push_back(
        Packet{.from = "[2001:db8::1]:80", .to = "[2001:db8::7]:4000", .seq = i}.bytes());
  }
  // Things nobody knows are carried too.
  to_servers.push_back(std::vector<uint8_t>(14, 0xFF));
  to_clients.push_back(std::vector<uint8_t>(1514, 0xAA));
  const auto left = carry({to_servers, to_clients}, 1);
  EXPECT_EQ(left[1], to_servers);
  EXPECT_EQ(left[0], to_clients);
  EXPECT_EQ(distribution_, "one worker polls both ports");
}

TEST_F(GateOverCaptures, SeveralWorkersKeepEachFlowInOrder) {
  constexpr uint32_t kFlows = 20, kEach = 20;
  Frames to_servers;
  std::map<uint32_t, Frames> by_flow;
  for (uint32_t seq = 0; seq < kEach; ++seq)
    for (uint32_t flow = 0; flow < kFlows; ++flow) {
      const auto bytes =
          Packet{.from = fmt::format("192.0.2.7:{}", 40000 + flow), .seq = seq}.bytes();
      to_servers.push_back(bytes);
      by_flow[40000 + flow].push_back(bytes);
    }
  const auto left = carry({to_servers, {}}, 3);
  EXPECT_EQ(distribution_, "3 workers, flows spread by a distributor; workers send through it");
  std::map<uint32_t, Frames> left_by_flow;
  for (const auto& bytes : left[1])
    left_by_flow[static_cast<uint32_t>(bytes[34] << 8 | bytes[35])].push_back(bytes);
  EXPECT_EQ(left_by_flow, by_flow);
  EXPECT_TRUE(left[0].empty());
  for (const uint64_t frames : frames_by_worker_) EXPECT_GT(frames, 0u);
}

TEST_F(GateOverCaptures, FragmentsOfMailGoOnWholeAndOthersAsTheyCame) {
  for (const int workers : {1, 3}) {
    const auto fragments_to = [](const std::string& to) {
      return packet::testing::fragments(
          packet::testing::fragmentable(Packet{.to = to, .payload = "0123456789abcdef"}.bytes()),
          0x1234, 24);
    };
    const Frames mail = fragments_to("198.51.100.1:25"), web = fragments_to("203.0.113.1:80");
    Frames expected{web[1], web[0],
                    packet::testing::fragmentable(Packet{.payload = "0123456789abcdef"}.bytes())};
    frames_lost_ = 1;  // two fragments are one segment
    auto left = carry({Frames{web[1], mail[0], web[0], mail[1]}, {}}, workers);
    std::ranges::sort(left[1]);
    std::ranges::sort(expected);
    EXPECT_EQ(left[1], expected) << workers;
  }
}

TEST_F(GateOverCaptures, APortThatDpdkCouldNotMakeIsNamed) {
  const auto settings = Settings::parse(
      "[ports]\ninside = \"net_ring7\"\noutside = \"net_ring8\"\n[limits]\nheld_mib = 1\n", "t");
  auto verdicts = *verdict::VerdictTable::create({.capacity = 16, .readers = 1});
  const auto gate = Gate::assemble(*settings, verdicts.get(), {nullptr});
  ASSERT_FALSE(gate.has_value());
  EXPECT_NE(gate.error().find("ports.inside"), std::string::npos) << gate.error();
  EXPECT_NE(gate.error().find("net_ring7"), std::string::npos) << gate.error();
}

}  // namespace
}  // namespace postern
