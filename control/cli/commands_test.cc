// The commands as they are typed, against a control server in this process.
#include "control/cli/commands_fixture.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/instance_lock.h"
#include "control/channel/channel.grpc.pb.h"
#include "control/channel/treatment.h"
#include "patterns/artefact/artefact.h"
#include "patterns/compile/compiler.h"
#include "patterns/language/reader.h"

namespace postern::cli {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_F(CommandsTest, SetWithoutADataPlaneIsRecordedButNowhereInForce) {
  const Outcome set = run({"verdict", "set", "192.0.2.7", "refuse", "--reason", "relays spam",
                           "--for", "1h", "--starttls", "mask"});
  EXPECT_EQ(set.code, 1);
  EXPECT_THAT(set.out, AllOf(HasSubstr("192.0.2.7: refuse, mask STARTTLS, case "),
                             HasSubstr("until "), HasSubstr("no data plane is attached")));
  const ledger::Verdict verdict = verdict_on("192.0.2.7");
  EXPECT_EQ(verdict.treatment, channel::v1::TREATMENT_REFUSE);
  EXPECT_EQ(verdict.starttls, channel::v1::START_TLS_MASK);
  EXPECT_EQ(verdict.author, "anna");
  EXPECT_EQ(verdict.reason, "relays spam");
  EXPECT_THAT(set.out, HasSubstr(verdict.case_reference.to_string()));
  EXPECT_GE(verdict.expires_unix_s - verdict.set_unix_s, 3600u);
  EXPECT_LE(verdict.expires_unix_s - verdict.set_unix_s, 3601u);
}

TEST_F(CommandsTest, SetWaitsUntilADataPlaneHasItInForce) {
  grpc::ClientContext context;
  auto stub = channel::v1::VerdictChannel::NewStub(
      grpc::CreateChannel("unix:" + socket_.string(), grpc::InsecureChannelCredentials()));
  auto stream = stub->Attach(&context);
  channel::v1::FromDataPlane hello;
  hello.mutable_hello()->set_schema(1);
  hello.mutable_hello()->set_gate("edge-1");
  stream->Write(hello);
  channel::v1::ToDataPlane update;
  ASSERT_TRUE(stream->Read(&update));  // the snapshot: attached
  std::thread data_plane([&] {
    ASSERT_TRUE(stream->Read(&update));
    channel::v1::FromDataPlane answer;
    answer.mutable_ack()->set_epoch(update.delta().epoch());
    answer.mutable_ack()->set_version(update.delta().to_version());
    stream->Write(answer);
  });
  const Outcome set = run(
      {"verdict", "set", "192.0.2.0/24", "throttle", "--rate", "30", "--reason", "newsletters"});
  data_plane.join();
  context.TryCancel();
  EXPECT_EQ(set.code, 0) << set.err;
  EXPECT_THAT(set.out, AllOf(HasSubstr("throttle 30/min"),
                             HasSubstr("in force in 1 of 1 data planes (version 1)")));
}

TEST_F(CommandsTest, JsonIsJson) {
  const Outcome set =
      run({"verdict", "set", "2001:db8::/32", "pass", "--reason", "own servers", "--json"});
  EXPECT_EQ(set.code, 1);
  const json reply = json::parse(set.out);
  EXPECT_EQ(reply["version"], 1);
  EXPECT_EQ(reply["in_force"], 0);
  EXPECT_EQ(reply["verdict"]["prefix"], "2001:db8::/32");
  EXPECT_EQ(reply["verdict"]["treatment"], "pass");
  EXPECT_TRUE(reply["verdict"]["case"].is_null());
  EXPECT_TRUE(reply["verdict"]["expires"].is_null());
  EXPECT_EQ(json::parse(run({"verdict", "list", "--json"}).out)["verdicts"].size(), 1u);
  EXPECT_EQ(json::parse(run({"status", "--json"}).out)["control"]["verdicts"], 1);
  EXPECT_EQ(json::parse(run({"events", "--json"}).out)["events"].size(), 0u);
}

TEST_F(CommandsTest, ShowClearListAndExplainFollowAVerdict) {
  EXPECT_EQ(run({"verdict", "list"}).code, 1);
  run({"verdict", "set", "192.0.2.0/24", "inspect", "--reason", "whole range"});
  run({"verdict", "set", "192.0.2.7", "hold", "--reason", "odd traffic"});

  const Outcome list = run({"verdict", "list", "--within", "192.0.2.0/25"});
  EXPECT_EQ(list.code, 0);
  EXPECT_THAT(list.out, AllOf(HasSubstr("192.0.2.7"), Not(HasSubstr("192.0.2.0/24"))));

  const Outcome explain = run({"verdict", "explain", "192.0.2.7"});
  EXPECT_EQ(explain.code, 0);
  EXPECT_THAT(explain.out, HasSubstr("192.0.2.7: hold, by treatment of 192.0.2.7"));
  EXPECT_LT(explain.out.find("odd traffic"), explain.out.find("whole range"));
  EXPECT_THAT(run({"verdict", "explain", "198.51.100.1"}).out,
              HasSubstr("198.51.100.1: inspect; no verdict covers it"));

  EXPECT_EQ(run({"verdict", "clear", "192.0.2.7", "--reason", "mended"}).code, 1);  // no data plane
  const Outcome show = run({"verdict", "show", "192.0.2.7"});
  EXPECT_EQ(show.code, 1);
  EXPECT_THAT(show.out, AllOf(HasSubstr("mended"), HasSubstr("odd traffic")));
  EXPECT_THAT(show.err, HasSubstr("no verdict on exactly 192.0.2.7"));
  const Outcome again = run({"verdict", "clear", "192.0.2.7"});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, HasSubstr("covered by the verdict on 192.0.2.0/24"));
}

TEST_F(CommandsTest, ExplainSaysWhichSwitchHolds) {
  const auto set = [&](const char* prefix, const char* treatment, const char* of) {
    run({"verdict", "set", prefix, treatment, "--switch", of, "--reason", "for the test"});
  };
  set("192.0.2.0/24", "pass", "treatment");
  set("192.0.2.7", "pass", "trusted-relay");
  set("192.0.2.7", "hold", "smorf-block");
  set("192.0.2.0/28", "refuse", "range-exclusion");
  EXPECT_THAT(run({"verdict", "explain", "192.0.2.7"}).out,
              HasSubstr("192.0.2.7: refuse, by range-exclusion of 192.0.2.0/28"));
  EXPECT_THAT(run({"verdict", "clear", "192.0.2.0/28", "--switch", "range-exclusion"}).out,
              HasSubstr("range-exclusion: refuse is cleared"));
  const json now = json::parse(run({"verdict", "explain", "192.0.2.7", "--json"}).out);
  EXPECT_EQ(now["treatment"], "hold");
  EXPECT_EQ(now["held_by"]["switch"], "smorf-block");
  EXPECT_EQ(now["chain"].size(), 3u);
  EXPECT_THAT(run({"verdict", "clear", "192.0.2.7", "--switch", "smorf-block"}).out,
              HasSubstr("smorf-block: hold is cleared"));
  EXPECT_THAT(run({"verdict", "explain", "192.0.2.7"}).out,
              HasSubstr("192.0.2.7: pass, by treatment of 192.0.2.0/24"));
  EXPECT_THAT(run({"verdict", "show", "192.0.2.7"}).out,
              AllOf(HasSubstr("trusted-relay"), HasSubstr("clear")));
}

TEST_F(CommandsTest, OneUserOrAddressOfASenderIsBlockedByItself) {
  const Outcome set = run({"verdict", "set", "192.0.2.7", "refuse", "--switch", "smorf-block",
                           "--user", "Bob", "--reason", "stolen password"});
  EXPECT_THAT(set.out, HasSubstr("192.0.2.7 user:bob: smorf-block: refuse, case "));
  run({"verdict", "set", "192.0.2.7", "hold", "--switch", "smorf-block", "--from", "10.1.0.0/16",
       "--reason", "infected"});
  run({"verdict", "set", "192.0.2.7", "inspect", "--reason", "ours"});
  EXPECT_THAT(run({"verdict", "list"}).out,
              AllOf(HasSubstr("192.0.2.7 user:bob"), HasSubstr("192.0.2.7 from:10.1.0.0/16")));
  EXPECT_THAT(run({"verdict", "show", "192.0.2.7"}).out,
              AllOf(HasSubstr("stolen password"), HasSubstr("infected"), HasSubstr("ours")));

  const Outcome explain = run({"verdict", "explain", "192.0.2.7"});
  EXPECT_THAT(explain.out, HasSubstr("192.0.2.7: inspect, by treatment of 192.0.2.7"));
  EXPECT_LT(explain.out.find("ours"), explain.out.find("of these parts of its mail"));
  EXPECT_LT(explain.out.find("of these parts of its mail"), explain.out.find("stolen password"));
  const json told = json::parse(run({"verdict", "explain", "192.0.2.7", "--json"}).out);
  EXPECT_EQ(told["treatment"], "inspect");
  EXPECT_EQ(told["chain"].size(), 1u);
  EXPECT_TRUE(told["chain"][0]["part"].is_null());
  ASSERT_EQ(told["parts"].size(), 2u);
  EXPECT_EQ(told["parts"][0]["part"], "from:10.1.0.0/16");
  EXPECT_EQ(told["parts"][1]["part"], "user:bob");
  EXPECT_THAT(run({"verdict", "explain", "192.0.2.8"}).out, Not(HasSubstr("parts")));

  // Nobody is listed for one of his users.
  EXPECT_THAT(run({"feed", "export"}).out, Not(HasSubstr("192.0.2.7")));
  EXPECT_THAT(run({"verdict", "clear", "192.0.2.7", "--switch", "smorf-block"}).err,
              HasSubstr("smorf-block says nothing of 192.0.2.7"));
  EXPECT_THAT(
      run({"verdict", "clear", "192.0.2.7", "--switch", "smorf-block", "--user", "BOB"}).out,
      HasSubstr("192.0.2.7 user:bob: the verdict smorf-block: refuse is cleared"));
  EXPECT_EQ(json::parse(run({"verdict", "list", "--json"}).out)["verdicts"].size(), 2u);
}

TEST_F(CommandsTest, ALedgerIsBackedUpWhileItIsInUseAndRestoredWhenItIsNot) {
  const std::string file = directory_ / "ledger.sqlite", backup = directory_ / "backup.sqlite";
  run({"verdict", "set", "192.0.2.7", "refuse", "--reason", "relays spam"});
  const Outcome copied = run({"ledger", "backup", backup, "--ledger", file});
  EXPECT_EQ(copied.code, 0) << copied.err;
  EXPECT_THAT(copied.out, HasSubstr("version 1, 1 verdicts, 1 changes of them, 0 events"));
  const json check = json::parse(run({"ledger", "check", "--ledger", backup, "--json"}).out);
  EXPECT_EQ(check["version"], 1);
  EXPECT_EQ(check["problems"].size(), 0u);
  {
    const auto lock = *InstanceLock::take(file);
    const Outcome refused = run({"ledger", "restore", backup, "--ledger", file});
    EXPECT_EQ(refused.code, 3);
    EXPECT_THAT(refused.err, HasSubstr("is running on"));
  }
  const Outcome restored =
      run({"ledger", "restore", backup, "--ledger", directory_ / "new.sqlite"});
  EXPECT_EQ(restored.code, 0) << restored.err;
  EXPECT_EQ(run({"ledger", "check", "--ledger", directory_ / "new.sqlite"}).code, 0);
}

TEST_F(CommandsTest, AFeedIsPutInForceInPlaceOfWhatItWasBefore) {
  const std::string file = directory_ / "list";
  const auto import = [&](std::string_view text, std::vector<std::string> more = {}) {
    std::ofstream(file) << text;
    std::vector<std::string> words{"feed", "import", "ours", file, "--format", "ip4trie"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  const auto of = [&](const char* prefix) {
    const auto verdict =
        ledger_->verdict_on({*IpPrefix::parse(prefix), channel::v1::SWITCH_RANGE_EXCLUSION});
    return verdict->has_value() ? std::string(channel::treatment_name((*verdict)->treatment)) +
                                      " " + (*verdict)->reason + " " + (*verdict)->author
                                : "";
  };
  run({"verdict", "set", "203.0.113.0/24", "drop", "--switch", "range-exclusion", "--reason",
       "mine"});
  const char* const kFirst = "192.0.2.0/24 rented\n!192.0.2.7\n198.51.100.0/24\n203.0.113.0/24\n";
  EXPECT_THAT(import(kFirst, {"--dry-run"}).out, HasSubstr("nothing was changed"));
  EXPECT_EQ(of("192.0.2.0/24"), "");
  const Outcome first = import(kFirst);
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.out, AllOf(HasSubstr("ours: 3 added, 0 changed, 0 removed, 0 as before"),
                               HasSubstr("1 ranges are excluded by others")));
  EXPECT_EQ(of("192.0.2.0/24"), "refuse ours: rented feed ours");
  EXPECT_EQ(of("192.0.2.7"), "pass ours feed ours");
  EXPECT_EQ(of("203.0.113.0/24"), "drop mine anna");
  const uint64_t version = ledger_->version().number;
  EXPECT_THAT(import(kFirst).out, HasSubstr("0 added, 0 changed, 0 removed, 3 as before"));
  EXPECT_EQ(ledger_->version().number, version);
  EXPECT_THAT(import("192.0.2.0/24 sold\n198.51.100.0/25\n").out,
              HasSubstr("ours: 1 added, 1 changed, 2 removed, 0 as before"));
  EXPECT_EQ(of("192.0.2.7"), "");
  EXPECT_THAT(run({"feed", "list"}).out, AllOf(HasSubstr("ours"), HasSubstr("2")));
  // A list that is no list, or has lost most of itself, changes nothing.
  EXPECT_EQ(import("192.0.2.0/24\n198.51.100").code, 2);
  import("10.1.0.0/16\n10.2.0.0/16\n10.3.0.0/16\n");
  const Outcome shrunk = import("10.1.0.0/16\n");
  EXPECT_EQ(shrunk.code, 2);
  EXPECT_THAT(shrunk.err, HasSubstr("less than half"));
  EXPECT_NE(of("10.3.0.0/16"), "");
  EXPECT_EQ(import("10.1.0.0/16\n", {"--may-shrink"}).code, 0);
  EXPECT_THAT(run({"feed", "remove", "ours"}).out, HasSubstr("1 removed"));
  EXPECT_EQ(of("203.0.113.0/24"), "drop mine anna");
  EXPECT_EQ(run({"feed", "list"}).code, 1);
}

TEST_F(CommandsTest, AFollowedFeedIsReadByTheControlProcess) {
  const std::string file = directory_ / "list";
  std::ofstream(file) << "192.0.2.0/24 rented\n";
  const auto listed = [&] { return json::parse(run({"feed", "list", "--json"}).out)["feeds"][0]; };
  const auto read_again = [&](uint64_t reading) {
    while (ledger_->feeds().all()->at(0).read_unix_s <= reading) std::this_thread::yield();
  };
  EXPECT_EQ(run({"feed", "follow", "ours", file + ".gone", "--format", "ip4trie"}).code, 2);
  EXPECT_EQ(run({"feed", "follow", "ours", file, "--format", "ip4trie", "--every", "1s"}).code, 2);
  EXPECT_THAT(run({"feed", "follow", "ours", file, "--format", "ip4trie"}).out,
              HasSubstr("is read now and every 1h"));
  read_again(0);
  const json state = listed();
  EXPECT_EQ(state["ranges"], 1);
  EXPECT_EQ(state["followed"]["entries"], 1);
  EXPECT_EQ(state["followed"]["every_s"], 3600);
  EXPECT_EQ(state["followed"]["problem"], "");
  // A list that is broken meanwhile changes nothing, and is told of.
  std::ofstream(file) << "no list\n";
  run({"feed", "follow", "ours", file, "--format", "ip4trie", "--no-check"});
  read_again(0);
  EXPECT_THAT(listed()["followed"]["problem"].get<std::string>(), HasSubstr("line 1"));
  EXPECT_EQ(listed()["ranges"], 1);
  EXPECT_THAT(run({"feed", "list"}).out, HasSubstr("what it excluded before stays in force"));
  EXPECT_EQ(run({"feed", "leave", "ours"}).code, 0);
  EXPECT_EQ(run({"feed", "leave", "ours"}).code, 1);
  EXPECT_FALSE(listed().contains("followed"));
  EXPECT_THAT(*ledger_->audit().entries("anna", "ours", 10), testing::SizeIs(3));
}

TEST_F(CommandsTest, EventsAreSelectedByCase) {
  channel::v1::EventBatch batch;
  batch.set_batch(1);
  channel::v1::Event& event = *batch.add_events();
  event.set_client("192.0.2.7");
  event.set_outcome("refused_content");
  event.set_case_reference(CaseReference::parse("7F3A00KX1M")->number);
  event.set_wall_us(1'700'000'000'123'456);
  event.set_subject("You \x1b[31mwon");
  event.set_message_bytes(12);
  event.set_content_hash("2d06800538d394c2");
  event.mutable_session()->set_dialect("EHLO");
  event.mutable_session()->set_auth_mechanism("LOGIN");
  event.mutable_session()->set_auth_result("refused");
  event.mutable_session()->set_failed_logins(3);
  event.mutable_session()->set_client_bytes(900);
  event.mutable_session()->set_server_bytes(300);
  event.mutable_session()->set_duration_ms(1500);
  event.mutable_origin()->set_ip("203.0.113.9");
  event.mutable_origin()->set_auth("yes");
  event.mutable_origin()->set_user("bob");
  event.mutable_origin()->set_confidence("high");
  event.mutable_origin()->set_why("Received");
  event.add_link_domains("example.com");
  event.set_held_by("user:bob");
  event.set_header_sample("Subject: You \x1b[31mwon\r\nX-A: b\r\n");
  event.set_header_sample_cut(true);
  channel::v1::Event& session = *batch.add_events();
  session.set_kind("session");
  session.set_client("203.0.113.77");
  ASSERT_TRUE(ledger_->store_events("edge-1", batch, 1));
  const Outcome events = run({"events", "--case", "7f3aookxim"});  // as it is read over a telephone
  EXPECT_EQ(events.code, 0) << events.err;
  EXPECT_THAT(events.out, AllOf(HasSubstr("7F3A00KX1M"), HasSubstr("You \\x1b[31mwon"),
                                HasSubstr("12 octets, content hash 2d06800538d394c2"),
                                HasSubstr("dialect EHLO, AUTH LOGIN refused, 3 failed logins, "
                                          "900 octets in and 300 out, 1.5 s"),
                                HasSubstr("origin: 203.0.113.9, logged in as bob (high "
                                          "confidence: Received)"),
                                HasSubstr("links to: example.com"), HasSubstr("held by user:bob"),
                                HasSubstr("  Subject: You \\x1b[31mwon\n  X-A: b\n  (there is")));
  EXPECT_EQ(json::parse(run({"events", "--json"}).out)["events"][1]["content_hash"],
            "2d06800538d394c2");
  // A connection without a message has no outcome.
  EXPECT_THAT(run({"events", "--client", "203.0.113.77"}).out, HasSubstr("session"));
  const json shown = json::parse(run({"events", "--json"}).out)["events"][1];
  EXPECT_EQ(shown["session"]["failed_logins"], 3);
  EXPECT_EQ(shown["session"]["tls_started"], false);
  EXPECT_EQ(shown["origin"]["user"], "bob");
  EXPECT_EQ(shown["held_by"], "user:bob");
  EXPECT_EQ(shown["header_sample_cut"], true);
  EXPECT_EQ(shown["link_domains"], json({"example.com"}));
  EXPECT_EQ(json::parse(run({"events", "--json"}).out)["events"][1]["timestamp"],
            "2023-11-14T22:13:20.123456Z");
  EXPECT_EQ(run({"events", "--case", "7F3A00KX1N"}).code, 1);
  EXPECT_EQ(run({"events", "--client", "198.51.100.0/24"}).code, 1);
}

std::string unsigned_set(const std::filesystem::path& path) {
  language::Reader reader;
  reader.read_text("test.cf", "body A /cheap pills/\n");
  const auto compiled =
      compile::compile(*reader.finish(), {.placement = {.factoring = compile::Factoring::kNever}});
  EXPECT_TRUE(artefact::write(compiled->artefact, path));
  return path;
}

TEST_F(CommandsTest, LoadSaysWhatTheGatesWillSay) {
  const std::string set = unsigned_set(directory_ / "new.psig");
  const Outcome load = run({"signatures", "load", set, "--wait", "1s"});
  EXPECT_EQ(load.code, 0) << load.err;
  EXPECT_THAT(load.out,
              AllOf(HasSubstr("order 1: new.psig (1 rules, "),
                    HasSubstr("signatures.allow_unsigned"), HasSubstr("no gate is attached")));
  const Outcome shadow = run({"signatures", "load", set, "--shadow", "--wait", "1s"});
  EXPECT_THAT(shadow.out, HasSubstr("order 2: shadow new.psig (1 rules, "));
  const Outcome off = run({"signatures", "shadow", "off", "--wait", "1s"});
  EXPECT_THAT(off.out, AllOf(HasSubstr("order 3: no shadow set"), Not(HasSubstr("unsigned"))));
  const Outcome folder = run({"signatures", "load", directory_});
  EXPECT_EQ(folder.code, 2);
  EXPECT_THAT(folder.err, AllOf(HasSubstr(": is a folder"), HasSubstr("signatures compile")));
}

// Of two senders, one message that the shadow alone would refuse and one that both would forward.
TEST_F(CommandsTest, CompareTellsWhatAShadowWouldDo) {
  const Outcome none = run({"signatures", "compare"});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.out, HasSubstr("postern signatures load SET --shadow"));
  channel::v1::EventBatch batch;
  batch.set_batch(1);
  for (const auto& [client, shadow_score] : {std::pair("192.0.2.7", 6.5), {"2001:db8::7", 0.5}}) {
    channel::v1::Event& event = *batch.add_events();
    event.set_kind("message");
    event.set_client(client);
    event.set_wall_us(1'700'000'000'000'000);
    event.set_signature_set("aaaa");
    event.set_shadow_set("bbbb");
    event.set_score(0.5);
    event.set_shadow_score(shadow_score);
    event.set_threshold(5);
    if (shadow_score > 5) event.add_shadow_rules("NEW");
  }
  ASSERT_TRUE(ledger_->store_events("edge-1", batch, 1));
  const Outcome both = run({"signatures", "compare"});
  EXPECT_EQ(both.code, 0);
  EXPECT_THAT(both.out, AllOf(HasSubstr("set aaaa against shadow bbbb"), HasSubstr("192.0.2.7"),
                              Not(HasSubstr("2001:db8::7"))));
  const json told = json::parse(run({"signatures", "compare", "--json"}).out);
  EXPECT_EQ(told["messages"], 2);
  EXPECT_EQ(told["comparisons"][0]["only_shadow_refuses"], 1);
  EXPECT_EQ(told["comparisons"][0]["forwarded_by_both"], 1);
  EXPECT_EQ(
      told["comparisons"][0]["rules"],
      json({{{"rule", "NEW"}, {"set_hits", 0}, {"shadow_hits", 1}, {"gained", 1}, {"lost", 0}}}));
  const json of_one =
      json::parse(run({"signatures", "compare", "--json", "--client", "2001:db8::/32"}).out);
  EXPECT_EQ(of_one["messages"], 1);
  EXPECT_EQ(of_one["comparisons"][0]["only_shadow_refuses"], 0);
  // These events are years old.
  EXPECT_EQ(run({"signatures", "compare", "--since", "1d"}).code, 1);
  EXPECT_EQ(run({"signatures", "compare", "--since", "tomorrow"}).code, 2);
  EXPECT_EQ(run({"signatures", "compare", "--client", "nobody"}).code, 2);
}

TEST_F(CommandsTest, WrongInputIsUsageAndSaysWhatIsRight) {
  const auto usage = [](std::vector<std::string> words) {
    const Outcome outcome = run(std::move(words));
    EXPECT_EQ(outcome.code, 2);
    return outcome.err;
  };
  EXPECT_THAT(usage({"verdict", "set", "192.0.2.7/24", "drop", "--reason", "x"}),
              HasSubstr("did you mean 192.0.2.0/24"));
  EXPECT_THAT(usage({"verdict", "set", "192.0.2.7", "block", "--reason", "x"}),
              HasSubstr("pass, inspect, throttle"));
  EXPECT_THAT(usage({"verdict", "set", "192.0.2.7", "drop"}), HasSubstr("--reason is required"));
  EXPECT_THAT(usage({"verdict", "set", "192.0.2.7", "throttle", "--reason", "x"}),
              HasSubstr("--rate N"));
  EXPECT_THAT(usage({"verdict", "set", "192.0.2.7", "drop", "--rate", "3", "--reason", "x"}),
              HasSubstr("throttle only"));
  EXPECT_THAT(usage({"verdict", "set", "192.0.2.7", "drop", "--reason", "x", "--for", "soon"}),
              HasSubstr("for example 30s"));
  EXPECT_THAT(usage({"verdict", "set", "192.0.2.7", "drop", "--reason", "x", "--for", "10ms"}),
              HasSubstr("at least 1s"));
  EXPECT_THAT(usage({"verdict", "set", "192.0.2.7", "refuse", "--reason", "x", "--case", "U"}),
              HasSubstr("no case reference"));
  EXPECT_THAT(usage({"verdict", "explain", "192.0.2.0/24"}), HasSubstr("not an IP address"));
  EXPECT_THAT(usage({"verdict", "set", "192.0.2.7", "refuse", "--reason", "x", "--user", "bob"}),
              HasSubstr("--switch smorf-block only"));
  EXPECT_THAT(usage({"verdict", "set", "192.0.2.7", "refuse", "--reason", "x", "--switch",
                     "smorf-block", "--user", std::string(65, 'x')}),
              HasSubstr("65 octets"));
  EXPECT_THAT(usage({"verdict", "set", "192.0.2.7", "refuse", "--reason", "x", "--switch",
                     "smorf-block", "--user", "bob", "--from", "10.0.0.1"}),
              HasSubstr("--user"));
  EXPECT_THAT(usage({"events", "--limit", "0"}), HasSubstr("10000"));
  EXPECT_THAT(usage({"verdict"}), Not(IsEmpty()));
  EXPECT_EQ(ledger_->version().number, 0u);
}

TEST_F(CommandsTest, AControlProcessThatIsNotThereIsItsOwnExitCode) {
  server_.reset();
  const Outcome status = run({"status"});
  EXPECT_EQ(status.code, 3);
  EXPECT_THAT(status.err,
              AllOf(HasSubstr(socket_.string()), HasSubstr("is postern-control running?")));
  EXPECT_EQ(run({"verdict", "list", "--socket", "/nonexistent/socket"}).code, 3);
}

}  // namespace
}  // namespace postern::cli
