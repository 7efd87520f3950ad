#include "dataplane/ports/eal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "dataplane/ports/port.h"

namespace postern::ports {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

Device device(std::string_view text) {
  const auto parsed = Device::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed.value_or(Device{});
}

TEST(Device, IsAPciAddressOrAVirtualDevice) {
  const Device nic = device("0000:03:00.0");
  EXPECT_TRUE(nic.pci);
  EXPECT_EQ(nic.port_name, "0000:03:00.0");
  EXPECT_EQ(device("af:00.1").port_name, "0000:af:00.1");
  EXPECT_EQ(device("0000:03:00.0,representor=0").port_name, "0000:03:00.0");
  const Device veth = device("net_af_packet0,iface=eth1");
  EXPECT_FALSE(veth.pci);
  EXPECT_EQ(veth.port_name, "net_af_packet0");
  EXPECT_EQ(veth.argument, "net_af_packet0,iface=eth1");
}

TEST(Device, ErrorSaysWhatADeviceIs) {
  for (const char* text : {"eth0", "", "3:0.0", "0000:03:00.8", "net"}) {
    const auto parsed = Device::parse(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_THAT(parsed.error(), HasSubstr("0000:03:00.0"));
    EXPECT_THAT(parsed.error(), HasSubstr("net_af_packet0,iface=eth1"));
  }
}

TEST(Device, MissingOnesAreNamedWithTheCommandThatLists) {
  const auto interface = device("net_af_packet0,iface=nosuch0").check_present();
  ASSERT_FALSE(interface.has_value());
  EXPECT_THAT(interface.error(), HasSubstr("\"nosuch0\""));
  EXPECT_THAT(interface.error(), HasSubstr("ip link"));
  const auto nic = device("fffe:1f:1f.7").check_present();
  ASSERT_FALSE(nic.has_value());
  EXPECT_THAT(nic.error(), HasSubstr("fffe:1f:1f.7"));
  EXPECT_THAT(nic.error(), HasSubstr("dpdk-devbind.py --status"));
  EXPECT_TRUE(device("net_af_packet0,iface=lo").check_present().has_value());
  EXPECT_TRUE(device("net_null0").check_present().has_value());
}

EalConfig config(std::string_view inside, std::string_view outside) {
  return {.gate = "north/1", .devices = {device(inside), device(outside)}};
}

TEST(EalArguments, VirtualDevicesNeedNoPci) {
  const auto arguments = eal_arguments(config("net_null0", "net_ring0"), std::vector{0, 1});
  EXPECT_THAT(arguments,
              IsSupersetOf({"--no-pci", "--file-prefix=postern-north-1", "--in-memory"}));
  EXPECT_THAT(arguments, Not(Contains("--no-huge")));
  const auto first = std::ranges::find(arguments, "--vdev");
  ASSERT_NE(first, arguments.end());
  EXPECT_THAT(std::vector(first, first + 4),
              ElementsAre("--vdev", "net_null0", "--vdev", "net_ring0"));
}

TEST(EalArguments, PciDevicesAreAllowedByAddress) {
  const auto arguments = eal_arguments(config("03:00.0", "net_null0"), std::vector{0, 1});
  EXPECT_THAT(arguments, IsSupersetOf({"-a", "0000:03:00.0", "--vdev", "net_null0"}));
  EXPECT_THAT(arguments, Not(Contains("--no-pci")));
}

TEST(EalArguments, WithoutHugePagesAllMemoryIsAskedForAtOnce) {
  EalConfig trial = config("net_null0", "net_null1");
  trial.huge_pages = false;
  trial.memory_bytes = 100 << 20;
  const auto arguments = eal_arguments(trial, std::vector{0});
  const auto m = std::ranges::find(arguments, "-m");
  ASSERT_NE(m, arguments.end());
  EXPECT_EQ(*(m + 1), "164");
  EXPECT_THAT(arguments, Contains("--no-huge"));
  EXPECT_THAT(arguments, Not(Contains("--in-memory")));  // DPDK refuses the two together
}

std::string lcores(uint32_t count, std::vector<int> cpus, const std::vector<int>& usable) {
  EalConfig wanted = config("net_null0", "net_null1");
  wanted.lcores = count;
  wanted.cpus = std::move(cpus);
  const auto arguments = eal_arguments(wanted, usable);
  const auto at = std::ranges::find(arguments, "--lcores");
  return at == arguments.end() ? "" : *(at + 1);
}

TEST(EalArguments, LcoresAreSpreadOverTheCpusBesideTheMainThreads) {
  EXPECT_EQ(lcores(1, {}, {0, 1}), "0@0,1@1");
  EXPECT_EQ(lcores(3, {}, {2, 3, 5}), "0@2,1@3,2@5,3@3");
  EXPECT_EQ(lcores(2, {}, {0}), "0@0,1@0,2@0");
  EXPECT_EQ(lcores(2, {7, 6}, {0, 1}), "0@0,1@7,2@6");
}

TEST(EalArguments, TheOperatorsOptionsComeLastAndReplaceOurs) {
  EalConfig wanted = config("net_null0", "net_null1");
  wanted.options = {"-l", "0-3", "--file-prefix=mine", "--log-level=8"};
  const auto arguments = eal_arguments(wanted, std::vector{0, 1});
  EXPECT_THAT(arguments, Not(Contains("--lcores")));
  EXPECT_THAT(arguments, Not(Contains("--file-prefix=postern-north-1")));
  EXPECT_THAT(std::vector(arguments.end() - 4, arguments.end()),
              ElementsAre("-l", "0-3", "--file-prefix=mine", "--log-level=8"));
}

class HugePages : public testing::Test {
 protected:
  HugePages()
      : sysfs_(std::filesystem::temp_directory_path() /
               ("postern_huge_pages_" + std::to_string(getpid()))) {}
  ~HugePages() override { std::filesystem::remove_all(sysfs_); }
  void free_pages(const std::string& size, int count, int taken = 0) {
    std::filesystem::create_directories(sysfs_ / size);
    std::ofstream(sysfs_ / size / "nr_hugepages") << count + taken << "\n";
    std::ofstream(sysfs_ / size / "free_hugepages") << count << "\n";
  }
  std::expected<void, std::string> check(const EalConfig& config) {
    return check_huge_pages(config, sysfs_);
  }
  std::filesystem::path sysfs_;
};

TEST_F(HugePages, MissingOnesAreReportedWithWhatToRun) {
  EalConfig wanted = config("net_null0", "net_null1");
  wanted.memory_bytes = 1000 << 20;
  free_pages("hugepages-2048kB", 3, 100);
  const auto checked = check(wanted);
  ASSERT_FALSE(checked.has_value());
  EXPECT_THAT(checked.error(), HasSubstr("1064 MiB of huge pages are needed, 6 MiB are free"));
  EXPECT_THAT(checked.error(),
              HasSubstr("echo 632 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"));
  EXPECT_THAT(checked.error(), HasSubstr("--no-huge -m 1064"));
}

TEST_F(HugePages, PagesOfAllSizesCount) {
  EalConfig wanted = config("net_null0", "net_null1");
  wanted.memory_bytes = 1000 << 20;
  free_pages("hugepages-2048kB", 30);
  EXPECT_FALSE(check(wanted).has_value());
  free_pages("hugepages-1048576kB", 1);
  EXPECT_TRUE(check(wanted).has_value());
}

TEST_F(HugePages, ATrialNeedsNone) {
  EalConfig trial = config("net_null0", "net_null1");
  trial.huge_pages = false;
  EXPECT_TRUE(check(trial).has_value());
  trial.huge_pages = true;
  trial.options = {"--no-huge"};
  EXPECT_TRUE(check(trial).has_value());
}

Capabilities nic() {
  return {.port = 0,
          .driver = "net_ixgbe",
          .rx_queues = 128,
          .tx_queues = 128,
          .rss_types = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP,
          .rss_key_bytes = 40,
          .rss_table_entries = 128,
          .ip_and_tcp_checksums = true};
}

TEST(Distribution, RssNeedsBothPortsToHashTheSameWay) {
  EXPECT_EQ(choose_distribution(nic(), nic(), 1, true), Distribution::kSingle);
  EXPECT_EQ(choose_distribution(nic(), nic(), 8, true), Distribution::kRss);
  EXPECT_EQ(choose_distribution(nic(), nic(), 8, false), Distribution::kSoftware);

  const auto lacking = [](auto change) {
    Capabilities lesser = nic();
    change(lesser);
    EXPECT_EQ(choose_distribution(nic(), lesser, 8, true), Distribution::kSoftware);
    EXPECT_EQ(choose_distribution(lesser, nic(), 8, true), Distribution::kSoftware);
  };
  lacking([](Capabilities& port) { port.rss_types = RTE_ETH_RSS_NONFRAG_IPV4_TCP; });
  lacking([](Capabilities& port) { port.rss_key_bytes = 0; });
  lacking([](Capabilities& port) { port.rx_queues = 7; });
  lacking([](Capabilities& port) { port.tx_queues = 7; });
  lacking([](Capabilities& port) { port.rss_table_entries = 512; });
  lacking([](Capabilities& port) { port.driver = "net_tap"; });  // says it can, does not hash
}

}  // namespace
}  // namespace postern::ports
