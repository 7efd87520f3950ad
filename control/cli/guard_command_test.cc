// `postern guard` as it is typed.
#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <nlohmann/json.hpp>

#include "control/cli/commands_fixture.h"
#include "control/server/guard_desk.h"

namespace postern::cli {
namespace {

using channel::v1::SWITCH_INBOUND_GUARD;
using channel::v1::SWITCH_INBOUND_SOURCE;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

// Its desk answers on a socket of its own, beside the fixture's.
class GuardCommandTest : public CommandsTest {
 protected:
  GuardCommandTest() {
    const std::string socket = directory_ / "guard.sock";
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
    builder.RegisterService(&desk_);
    listening_ = builder.BuildAndStart();
    setenv("POSTERN_SOCKET", socket.c_str(), 1);
  }
  ~GuardCommandTest() override { listening_->Shutdown(); }
  // What the ledger holds of it, "none" for nothing.
  std::string said(std::string_view prefix, channel::v1::Switch of) {
    const auto found = ledger_->verdict_on({*IpPrefix::parse(prefix), of});
    if (!found || !*found) return "none";
    EXPECT_FALSE((*found)->case_reference) << "it is nobody's case";
    return std::string(channel::v1::Treatment_Name((*found)->treatment));
  }

  server::Gates gates_{ledger_->version().epoch};
  server::VerdictChanges changes_{*ledger_, gates_, [] {}};
  server::GuardDesk desk_{*ledger_, gates_, changes_};
  std::unique_ptr<grpc::Server> listening_;
};

TEST_F(GuardCommandTest, GuardsListsExceptsAndTakesBack) {
  const Outcome alone = run({"guard", "add", "192.0.2.0/24", "--reason", "behind the relay"});
  EXPECT_EQ(alone.code, 1);  // no data plane is attached
  EXPECT_THAT(alone.out, HasSubstr("192.0.2.0/24: guarded: others are reset"));
  EXPECT_THAT(alone.err, HasSubstr("no source is listed"));
  run({"guard", "add", "203.0.113.0/24", "--source", "--reason", "the relay"});
  run({"guard", "add", "203.0.113.9", "--source", "--except", "--reason", "rented out"});
  run({"guard", "add", "192.0.2.128/25", "--except", "--reason", "no relay yet"});
  const Outcome drop = run({"guard", "add", "2001:db8::/32", "--drop", "--reason", "quietly"});
  EXPECT_EQ(drop.err, "");
  EXPECT_EQ(said("192.0.2.0/24", SWITCH_INBOUND_GUARD), "TREATMENT_REFUSE");
  EXPECT_EQ(said("192.0.2.128/25", SWITCH_INBOUND_GUARD), "TREATMENT_PASS");
  EXPECT_EQ(said("2001:db8::/32", SWITCH_INBOUND_GUARD), "TREATMENT_DROP");
  EXPECT_EQ(said("203.0.113.0/24", SWITCH_INBOUND_SOURCE), "TREATMENT_PASS");
  EXPECT_EQ(said("203.0.113.9", SWITCH_INBOUND_SOURCE), "TREATMENT_REFUSE");

  const json list = json::parse(run({"guard", "list", "--json"}).out);
  EXPECT_EQ(list["guards"].size(), 3u);
  EXPECT_EQ(list["sources"].size(), 2u);
  EXPECT_THAT(run({"guard", "list"}).out,
              AllOf(HasSubstr("open to everybody"), HasSubstr("listed: may connect")));

  EXPECT_THAT(run({"guard", "remove", "192.0.2.0/24"}).out, HasSubstr("not any more"));
  EXPECT_EQ(said("192.0.2.0/24", SWITCH_INBOUND_GUARD), "none");
  EXPECT_THAT(run({"guard", "remove", "203.0.113.0/24"}).err,  // it is no guarded prefix
              HasSubstr("inbound-guard says nothing of exactly 203.0.113.0/24"));
  EXPECT_EQ(said("203.0.113.0/24", SWITCH_INBOUND_SOURCE), "TREATMENT_PASS");
}

TEST_F(GuardCommandTest, SaysNothingOfSenders) {
  run({"guard", "add", "192.0.2.7", "--reason", "behind the relay"});
  run({"guard", "add", "192.0.2.7", "--source", "--except", "--reason", "not this one"});
  setenv("POSTERN_SOCKET", socket_.c_str(), 1);
  EXPECT_THAT(run({"verdict", "explain", "192.0.2.7"}).out, HasSubstr("no verdict covers it"));
}

TEST_F(GuardCommandTest, WrongInputIsUsage) {
  EXPECT_EQ(run({"guard", "list"}).code, 1);
  EXPECT_EQ(run({"guard", "add", "192.0.2.0/24"}).code, 2);  // why?
  const Outcome both = run({"guard", "add", "192.0.2.0/24", "--source", "--drop", "--reason", "x"});
  EXPECT_EQ(both.code, 2);
  EXPECT_THAT(both.err, HasSubstr("it goes with a guarded prefix"));
  EXPECT_EQ(
      run({"verdict", "set", "192.0.2.0/24", "hold", "--switch", "inbound-guard", "--reason", "x"})
          .code,
      2);
}

}  // namespace
}  // namespace postern::cli
