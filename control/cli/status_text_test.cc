#include "control/cli/status_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/channel/json.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kNow_ms = 1'700'000'000'500;

StatusReply status_reply() {
  StatusReply status;
  status.set_software("0.1.0");
  status.set_started_unix_s(1'700'000'000 - 7'500);
  status.set_allocator("mimalloc 2.0.9");
  status.set_version(48);
  status.set_verdicts(12);
  status.set_events_stored(1034);
  status.set_ledger("/var/lib/postern/ledger.sqlite");
  AttachedDataPlane& gate = *status.add_data_planes();
  gate.set_gate("edge-1");
  gate.set_attached(true);
  gate.set_seen_unix_ms(kNow_ms - 400);
  gate.set_acknowledged_version(48);
  DataPlaneStatus& report = *gate.mutable_status();
  report.set_software("0.1.0");
  report.set_allocator("mimalloc 2.0.9");
  report.set_verdicts_held(12);
  report.set_signature_set("starter.psig 3fa4");
  report.set_signature_rules(120);
  report.set_threshold(5);
  report.add_ports("eth0");
  report.add_ports("eth1");
  for (uint32_t i = 0; i < 2; ++i) {
    WorkerStatus& worker = *report.add_workers();
    worker.set_worker(i);
    worker.set_flows(10 + i);
    for (const auto& [name, value] : {std::pair{"messages_forwarded", 100u},
                                      {"messages_refused_content", i},
                                      {"drop_checksum", 0u},
                                      {"drop_wait", 3u},
                                      {"frames_in", 5000u}}) {
      CounterValue& counter = *worker.add_counters();
      counter.set_name(name);
      counter.set_value(value);
    }
  }
  return status;
}

TEST(StatusText, ShowsBothProcessesWithTheirSumsOverWorkers) {
  const std::string text = status_text(status_reply(), kNow_ms);
  EXPECT_THAT(text, HasSubstr("control       0.1.0, up 2h05m, mimalloc 2.0.9\n"));
  EXPECT_THAT(text, HasSubstr("data plane    edge-1, attached, seen 0.4s ago\n"));
  EXPECT_THAT(text, HasSubstr("12 held, version 48 in force\n"));
  EXPECT_THAT(text, HasSubstr("starter.psig 3fa4, 120 rules, threshold 5, configured\n"));
  EXPECT_THAT(text, HasSubstr("2, 21 flows, 0 messages under way\n"));
  EXPECT_THAT(text, HasSubstr("  messages    forwarded 200, refused_content 1\n"));
  EXPECT_THAT(text, HasSubstr("  drops       wait 6\n"));
  EXPECT_THAT(text, Not(HasSubstr("checksum")));
}

TEST(StatusText, SaysWhatIsNotInForceAndWhoIsAway) {
  StatusReply status = status_reply();
  status.mutable_data_planes(0)->set_acknowledged_version(47);
  status.mutable_data_planes(0)->set_refused("table\x1b full");
  status.mutable_data_planes(0)->set_attached(false);
  status.mutable_data_planes(0)->set_seen_unix_ms(kNow_ms - 300'000);
  const std::string text = status_text(status, kNow_ms);
  EXPECT_THAT(text, HasSubstr("version 47 in force, 48 is not yet; refused: table\\x1b full"));
  EXPECT_THAT(text, HasSubstr("edge-1, NOT ATTACHED, last seen 5m ago"));
}

TEST(StatusText, SaysThatNoDataPlaneIsThere) {
  StatusReply status = status_reply();
  status.clear_data_planes();
  EXPECT_THAT(status_text(status, kNow_ms), HasSubstr("none has attached"));
}

TEST(StatusJson, HasSumsAndEachWorkersCounters) {
  const auto json = channel::to_json(status_reply(), kNow_ms);
  EXPECT_EQ(json["control"]["allocator"], "mimalloc 2.0.9");
  const auto& gate = json["data_planes"][0];
  EXPECT_EQ(gate["counters"]["messages_forwarded"], 200);
  EXPECT_EQ(gate["counters"]["drop_checksum"], 0);
  EXPECT_EQ(gate["workers"][1]["counters"]["messages_refused_content"], 1);
  EXPECT_DOUBLE_EQ(gate["seen_seconds_ago"].get<double>(), 0.4);
  EXPECT_TRUE(gate["refused"].is_null());
}

}  // namespace
}  // namespace postern::cli
