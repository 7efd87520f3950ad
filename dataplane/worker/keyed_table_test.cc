#include "dataplane/worker/keyed_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "dataplane/worker/flow.h"

namespace postern::worker {
namespace {

FlowKey key(uint32_t n) {
  FlowKey key;
  key.low = *IpAddress::parse("192.0.2.1");
  key.high = *IpAddress::parse("198.51.100.1");
  key.low_port = static_cast<uint16_t>(n);
  key.vlan = n >> 16;
  key.high_port = 25;
  return key;
}

TEST(KeyedTable, FullMeansNull) {
  KeyedTable<Flow> table(2, 1);
  EXPECT_NE(table.insert(key(1)), nullptr);
  EXPECT_NE(table.insert(key(2)), nullptr);
  EXPECT_EQ(table.insert(key(3)), nullptr);
  table.erase(table.find(key(1)));
  EXPECT_NE(table.insert(key(3)), nullptr);
  EXPECT_EQ(table.find(key(1)), nullptr);
  EXPECT_EQ(table.size(), 2u);
}

// Against std::map as the model.
TEST(KeyedTable, AgreesWithAMapThroughManyInsertionsAndErasures) {
  KeyedTable<Flow> table(500, 7);
  std::map<uint32_t, Flow*> model;
  std::mt19937 random(42);
  for (int step = 0; step < 50'000; ++step) {
    const uint32_t n = random() % 900;
    const auto known = model.find(n);
    ASSERT_EQ(table.find(key(n)), known == model.end() ? nullptr : known->second);
    if (known != model.end()) {
      table.erase(known->second);
      model.erase(known);
    } else if (Flow* flow = table.insert(key(n))) {
      model[n] = flow;
    } else {
      ASSERT_EQ(model.size(), 500u);
    }
    ASSERT_EQ(table.size(), model.size());
  }
}

}  // namespace
}  // namespace postern::worker
