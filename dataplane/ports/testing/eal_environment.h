// DPDK's environment for tests: in ordinary memory, without PCI, with more lcores than CPUs.
#pragma once

#include <gtest/gtest.h>
#include <rte_dev.h>
#include <rte_eal.h>

#include <string>
#include <vector>

namespace postern::ports::testing {

// Lcores beside the main one.
inline constexpr int kLcores = 4;

class EalEnvironment : public ::testing::Environment {
 public:
  void SetUp() override {
    std::vector<std::string> arguments{
        "test",           "--no-huge", "--no-pci", "--no-shconf",       "--no-telemetry",
        "--iova-mode=va", "-m",        "256",      "--log-level=error", "--lcores"};
    std::string map = "0@0";
    for (int lcore = 1; lcore <= kLcores; ++lcore) map += "," + std::to_string(lcore) + "@0";
    arguments.push_back(map);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    ASSERT_GE(rte_eal_init(static_cast<int>(argv.size()) - 1, argv.data()), 0);
  }
  void TearDown() override { rte_eal_cleanup(); }
};

// A virtual device for as long as it lives: VirtualDevice ring("net_ring0", "").
class VirtualDevice {
 public:
  VirtualDevice(std::string name, const std::string& arguments) : name_(std::move(name)) {
    EXPECT_EQ(rte_eal_hotplug_add("vdev", name_.c_str(), arguments.c_str()), 0) << name_;
  }
  ~VirtualDevice() { rte_eal_hotplug_remove("vdev", name_.c_str()); }
  VirtualDevice(const VirtualDevice&) = delete;
  VirtualDevice& operator=(const VirtualDevice&) = delete;

 private:
  std::string name_;
};

}  // namespace postern::ports::testing
