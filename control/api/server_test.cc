// The web server as a client meets it: over HTTP, with a real ledger and real desks behind it.
#include "control/api/server.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "control/api/access.h"
#include "control/api/routes.h"
#include "control/console/assets.h"
#include "control/ledger/sqlite_ledger.h"
#include "control/server/clock.h"
#include "control/server/server.h"
#include "tests/console/seeded_ledger.h"

namespace postern::api {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class ApiTest : public testing::Test {
 protected:
  ApiTest() {
    spdlog::set_level(spdlog::level::off);
    std::string name = testing::TempDir() + "postern-api-XXXXXX";
    directory_ = mkdtemp(name.data());
    ledger_ = std::move(*ledger::open_sqlite_ledger(directory_ / "ledger.sqlite"));
    console::seed(*ledger_, server::unix_s());
    for (const char* role : {"viewer", "technician", "admin"}) add_token(role, role);
    desks_ = std::move(*server::Server::start(
        *ledger_, {.socket = directory_ / "control.sock", .identity = {.software = "0.1"}}));
    channel_ = grpc::CreateChannel("unix:" + (directory_ / "control.sock").string(),
                                   grpc::InsecureChannelCredentials());
    start({.address = "127.0.0.1", .live_listeners = 2});
  }
  ~ApiTest() override {
    api_.reset();
    desks_.reset();
    ledger_.reset();
    std::filesystem::remove_all(directory_);
  }
  void start(Settings settings) {
    api_.reset();
    auto started = Server::start(*ledger_, channel_, settings);
    ASSERT_TRUE(started) << started.error();
    api_ = std::move(*started);
  }
  // The token's text is its name.
  void add_token(const std::string& name, std::string_view role, uint64_t expires_unix_s = 0) {
    const auto* const found = std::ranges::find(ledger::kRoleNames, role);
    ASSERT_TRUE(*ledger_->tokens().add(
        {.name = name,
         .role = static_cast<ledger::Role>(found - std::begin(ledger::kRoleNames)),
         .hash = ledger::hash_of(name),
         .created_unix_s = 1,
         .expires_unix_s = expires_unix_s},
        "test"));
  }
  httplib::Client client() { return httplib::Client("127.0.0.1", api_->port()); }
  struct Reply {
    int status = 0;
    json body = {};
    httplib::Headers headers = {};
  };
  static Reply reply_of(const httplib::Result& result) {
    if (!result) return {.body = {{"no answer", to_string(result.error())}}};
    return {result->status, json::parse(result->body, nullptr, false), result->headers};
  }
  static httplib::Headers as(const std::string& token) {
    return {{"Authorization", "Bearer " + token}};
  }
  Reply get(const std::string& path, const std::string& token = "viewer") {
    return reply_of(client().Get("/api/v1" + path, as(token)));
  }
  Reply post(const std::string& path, const json& body, const std::string& token) {
    return reply_of(client().Post("/api/v1" + path, as(token), body.dump(), "application/json"));
  }
  std::vector<std::string> audit_of(const std::string& author) {
    std::vector<std::string> out;
    const auto rows = ledger_->audit().entries(author, "", 100);
    for (const auto& row : *rows) out.push_back(row.action);
    return out;
  }

  std::filesystem::path directory_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<server::Server> desks_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<Server> api_;
};

TEST(Routes, AndTheDescriptionHaveTheSameRows) {
  const auto asset =
      std::ranges::find(console::assets(), "/api/v1/openapi.json", &console::Asset::path);
  ASSERT_NE(asset, console::assets().end());
  const json described = json::parse(asset->body);
  EXPECT_EQ(described["openapi"], "3.1.0");
  constexpr std::string_view kRoles[] = {"anyone", "viewer", "technician", "admin"};
  std::vector<std::string> routed, told;
  for (const Route& route : routes()) {
    routed.push_back(fmt::format("{} {} {} {}", route.method, route.path, route.operation,
                                 kRoles[static_cast<size_t>(route.access)]));
  }
  for (const auto& [path, operations] : described["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      std::string upper = method;
      std::ranges::transform(upper, upper.begin(), [](char c) { return std::toupper(c); });
      told.push_back(fmt::format("{} {} {} {}", upper, path,
                                 operation["operationId"].get<std::string>(),
                                 operation["x-role"].get<std::string>()));
    }
  }
  std::ranges::sort(routed);
  std::ranges::sort(told);
  EXPECT_EQ(routed, told);
}

TEST(Routes, AreFoundByMethodAndWholePath) {
  EXPECT_EQ(find_route("GET", "/api/v1/senders/192.0.2.7").names.front(), "192.0.2.7");
  EXPECT_EQ(find_route("GET", "/api/v1/verdicts/on").route->operation, "showVerdict");
  EXPECT_EQ(find_route("GET", "/api/v1/senders/a/b/c").route, nullptr);
  EXPECT_EQ(find_route("GET", "/api/v1/senders/").route, nullptr);
  EXPECT_EQ(find_route("GET", "/api/v1").route, nullptr);
  EXPECT_TRUE(find_route("DELETE", "/api/v1/senders").other_method);
}

TEST_F(ApiTest, ATokenIsNeeded) {
  EXPECT_EQ(reply_of(client().Get("/api/v1/senders")).status, 401);
  const Reply wrong = get("/senders", "guessed");
  EXPECT_EQ(wrong.status, 401);
  EXPECT_THAT(wrong.headers.find("Content-Type")->second, HasSubstr("application/problem+json"));
  EXPECT_THAT(wrong.body["detail"].get<std::string>(), HasSubstr("postern api token add"));
  EXPECT_EQ(get("/session", "technician").body["role"], "technician");
}

TEST_F(ApiTest, ATokenThatIsOverOrRevokedIsNotGood) {
  add_token("over", "viewer", 1000);
  EXPECT_EQ(get("/status", "over").status, 401);
  add_token("gone", "viewer");
  EXPECT_EQ(get("/status", "gone").status, 200);
  ASSERT_TRUE(*ledger_->tokens().revoke("gone", "test", 2000));
  EXPECT_EQ(get("/status", "gone").status, 401);
}

TEST_F(ApiTest, GuessingIsSlowedDown) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(get("/status", "guess").status, 401);
  // The minute may turn once in between; it does not turn twice.
  int status = 0;
  for (int i = 0; i < 11 && status != 429; ++i) status = get("/status", "guess").status;
  EXPECT_EQ(status, 429);
}

TEST_F(ApiTest, EachRouteAsksForItsRole) {
  for (const Route& route : routes()) {
    if (route.access == Access::kAnyone || route.operation == "live") continue;
    const std::string path = std::string(kBase) + std::string(route.path);
    const auto status = [&](const std::string& token) {
      httplib::Request request;
      request.method = route.method;
      request.path = path;
      request.headers = as(token);
      if (route.changes()) {
        request.body = R"({"not":"a field"})";
        request.headers.emplace("Content-Type", "application/json");
      }
      const auto result = client().send(request);
      return result ? result->status : 0;
    };
    const auto allowed = [&](ledger::Role role) { return may(role, route.access); };
    EXPECT_EQ(status("viewer") != 403, allowed(ledger::Role::kViewer)) << path;
    EXPECT_EQ(status("technician") != 403, allowed(ledger::Role::kTechnician)) << path;
    EXPECT_NE(status("admin"), 403) << path;
  }
}

TEST_F(ApiTest, AVerdictIsSetByTheTokensNameAndCleared) {
  const Reply set = post("/verdicts",
                         {{"prefix", "203.0.113.5"},
                          {"switch", "smorf-block"},
                          {"treatment", "refuse"},
                          {"reason", "by hand"},
                          {"for", "1h"}},
                         "technician");
  ASSERT_EQ(set.status, 200) << set.body;
  EXPECT_EQ(set.body["verdict"]["author"], "technician");
  const Reply on = get("/verdicts/on?prefix=203.0.113.5");
  EXPECT_EQ(on.body["verdicts"][0]["treatment"], "refuse");
  EXPECT_EQ(get("/senders/203.0.113.5/explain").body["treatment"], "refuse");
  const Reply cleared = post(
      "/verdicts/clear",
      {{"prefix", "203.0.113.5"}, {"switch", "smorf-block"}, {"reason", "enough"}}, "technician");
  EXPECT_EQ(cleared.status, 200) << cleared.body;
  EXPECT_THAT(get("/verdicts/on?prefix=203.0.113.5").body["verdicts"], SizeIs(0));
  EXPECT_THAT(audit_of("technician"),
              testing::IsSupersetOf({"api setVerdict", "api clearVerdict"}));
}

TEST_F(ApiTest, MistakesAreTheDesksWords) {
  const Reply no_reason =
      post("/verdicts", {{"prefix", "203.0.113.5"}, {"treatment", "refuse"}}, "technician");
  EXPECT_EQ(no_reason.status, 400);
  EXPECT_THAT(no_reason.body["detail"].get<std::string>(), HasSubstr("a reason is needed"));
  EXPECT_EQ(get("/senders/nonsense").status, 400);
  EXPECT_EQ(get("/cases/ZZZZZZZZZZ").status, 404);
  EXPECT_EQ(get("/cases/!").status, 404);
  EXPECT_EQ(get("/nothing").status, 404);
  EXPECT_EQ(reply_of(client().Delete("/api/v1/senders", as("admin"))).status, 405);
  EXPECT_EQ(get("/senders?limit=1&limit=2").status, 400);
}

TEST_F(ApiTest, BodiesAreJsonOfABoundedSize) {
  const auto send = [&](const std::string& body, const char* type, httplib::Headers more = {}) {
    httplib::Headers headers = as("technician");
    headers.insert(more.begin(), more.end());
    return reply_of(client().Post("/api/v1/verdicts", headers, body, type)).status;
  };
  EXPECT_EQ(send("prefix=1", "application/x-www-form-urlencoded"), 415);
  EXPECT_EQ(send("{}", "application/json", {{"Content-Encoding", "gzip"}}), 411);
  EXPECT_EQ(send("{nonsense", "application/json"), 400);
  const int large = send(std::string(300'000, ' '), "application/json");
  EXPECT_TRUE(large == 413 || large == 0) << large;  // 0: it was closed while we still sent
  EXPECT_EQ(reply_of(client().Get("/" + std::string(2000, 'a'))).status, 414);
}

TEST_F(ApiTest, ListsComeInPages) {
  const Reply first = get("/senders?limit=2&order=address&since=1");
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_THAT(first.body["senders"], SizeIs(2));
  EXPECT_EQ(first.body["next"], 2);
  const Reply last = get("/senders?limit=2&offset=2&order=address&since=1");
  EXPECT_THAT(last.body["senders"], SizeIs(1));
  EXPECT_TRUE(last.body["next"].is_null());

  std::vector<std::string> seen;
  std::string next;
  do {
    const Reply page = get("/verdicts?limit=1&after=" + httplib::detail::encode_query_param(next));
    ASSERT_EQ(page.status, 200) << page.body;
    const json& row = page.body["verdicts"][0];
    seen.push_back(row["prefix"].get<std::string>() + " " + row["switch"].get<std::string>());
    next = page.body["next"].is_null() ? "" : page.body["next"].get<std::string>();
  } while (!next.empty());
  EXPECT_THAT(seen, SizeIs(4));
  EXPECT_THAT(get("/verdicts?within=198.51.100.0/24").body["verdicts"], SizeIs(1));
}

TEST_F(ApiTest, HostileTextIsATextAndNothingElse) {
  const std::string reference = console::kHostileCase.to_string();
  const Reply about = get("/cases/" + reference);
  ASSERT_EQ(about.status, 200) << about.body;
  EXPECT_EQ(about.body["evidence"][0]["event"]["subject"], console::kHostileSubject);
  EXPECT_THAT(about.headers.find("Content-Type")->second, HasSubstr("application/json"));
  EXPECT_EQ(about.headers.find("X-Content-Type-Options")->second, "nosniff");
}

TEST_F(ApiTest, ACaseIsNotedAndRestoredSwitchBySwitch) {
  const std::string path = "/cases/" + console::kHostileCase.to_string();
  EXPECT_EQ(post(path + "/note", {{"text", "called"}}, "technician").status, 200);
  const Reply red = post(path + "/restore", {{"switches", {"smorf-block"}}}, "technician");
  EXPECT_EQ(red.status, 409) << red.body;
  const Reply given = post(path + "/restore",
                           {{"switches", {"smorf-block"}}, {"although_red", true}}, "technician");
  EXPECT_EQ(given.status, 200) << given.body;
  EXPECT_THAT(given.body["given_back"], Not(SizeIs(0)));
  EXPECT_THAT(audit_of("technician"), testing::IsSupersetOf({"api noteCase", "api restoreCase"}));
}

TEST_F(ApiTest, CustomersAreMadeChangedAndRemoved) {
  const Reply made =
      post("/customers", {{"name", "New"}, {"prefixes", {"203.0.113.0/28"}}}, "technician");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string path = "/customers/" + made.body["id"].dump();
  json changed = made.body;
  changed["notes"] = "as it was told, with a note";
  const Reply put = reply_of(
      client().Put("/api/v1" + path, as("technician"), changed.dump(), "application/json"));
  EXPECT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(get(path).body["notes"], "as it was told, with a note");
  EXPECT_EQ(reply_of(client().Delete("/api/v1" + path, as("technician"))).status, 200);
  EXPECT_EQ(get(path).status, 404);
}

TEST_F(ApiTest, TokensAreToldOnce) {
  const Reply made =
      post("/tokens", {{"name", "monitor"}, {"role", "viewer"}, {"for", "90d"}}, "admin");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string text = made.body["text"];
  EXPECT_EQ(get("/status", text).status, 200);
  EXPECT_THAT(get("/tokens", "admin").body.dump(), Not(HasSubstr(text)));
  EXPECT_EQ(post("/tokens", {{"name", "monitor"}, {"role", "viewer"}}, "admin").status, 409);
  EXPECT_EQ(post("/tokens/monitor/revoke", json::object(), "admin").status, 200);
  EXPECT_EQ(get("/status", text).status, 401);
}

// A browser: a cookie that scripts cannot read, and a header that other sites cannot send.
TEST_F(ApiTest, ASessionIsACookieAndItsChangesCarryAHeader) {
  auto browser = client();
  const httplib::Headers ours{{"X-Postern", "1"}};
  const std::string login = R"({"token":"technician"})";
  EXPECT_EQ(browser.Post("/api/v1/login", login, "application/json")->status, 403);
  const auto in = browser.Post("/api/v1/login", ours, login, "application/json");
  ASSERT_EQ(in->status, 200);
  const std::string cookie = in->get_header_value("Set-Cookie");
  EXPECT_THAT(cookie, testing::AllOf(HasSubstr("HttpOnly"), HasSubstr("SameSite=Strict"),
                                     Not(HasSubstr("technician"))));
  const std::string pair = cookie.substr(0, cookie.find(';'));
  httplib::Headers session{{"Cookie", pair}};
  EXPECT_EQ(browser.Get("/api/v1/status", session)->status, 200);
  const std::string note = "/api/v1/cases/" + console::kHostileCase.to_string() + "/note";
  const std::string text = R"({"text":"x"})";
  EXPECT_EQ(browser.Post(note, session, text, "application/json")->status, 403);
  session.emplace("X-Postern", "1");
  EXPECT_EQ(browser.Post(note, session, text, "application/json")->status, 200);
  EXPECT_EQ(browser.Post("/api/v1/logout", session, "", "application/json")->status, 200);
  EXPECT_EQ(browser.Get("/api/v1/status", session)->status, 401);
  EXPECT_THAT(audit_of("technician"), Contains("login"));
}

TEST_F(ApiTest, ASessionEndsWithItsToken) {
  add_token("short", "viewer");
  const auto in = client().Post("/api/v1/login", {{"X-Postern", "1"}}, R"({"token":"short"})",
                                "application/json");
  ASSERT_EQ(in->status, 200);
  const std::string cookie = in->get_header_value("Set-Cookie");
  const httplib::Headers session{{"Cookie", cookie.substr(0, cookie.find(';'))}};
  EXPECT_EQ(client().Get("/api/v1/status", session)->status, 200);
  ASSERT_TRUE(*ledger_->tokens().revoke("short", "test", 2000));
  EXPECT_EQ(client().Get("/api/v1/status", session)->status, 401);
}

TEST_F(ApiTest, ACaseLinkOpensThatCaseAndNothingBetweenThePeople) {
  const std::string path = "/cases/" + console::kHostileCase.to_string();
  const Reply link = post(path + "/link", json::object(), "technician");
  ASSERT_EQ(link.status, 200) << link.body;
  const std::string linked = "/api/v1/linked/" + link.body["token"].get<std::string>();
  const Reply about = reply_of(client().Get(linked));
  ASSERT_EQ(about.status, 200) << about.body;
  EXPECT_EQ(about.body["case"], console::kHostileCase.to_string());
  EXPECT_THAT(about.body["history"].dump(), Not(HasSubstr("they know")));
  EXPECT_THAT(about.body.dump(), Not(HasSubstr("\"author\"")));
  const httplib::Headers ours{{"X-Postern", "1"}};
  EXPECT_EQ(client().Post(linked + "/password", ours, "{}", "application/json")->status, 400);
  EXPECT_EQ(
      client().Post(linked + "/password", ours, R"({"who":"Carl"})", "application/json")->status,
      200);
  EXPECT_THAT(get(path).body["history"].dump(), HasSubstr("Carl (case page)"));
  EXPECT_EQ(client().Get("/api/v1/linked/7F3A00KX1M.1.x")->status, 404);
  EXPECT_EQ(client().Get("/c/anything")->status, 200);
}

TEST_F(ApiTest, LinksAreNotTriedWithoutEnd) {
  int status = 0;
  for (int i = 0; i < 61 && status != 429; ++i)
    status = client().Get("/api/v1/linked/7F3A00KX1M.1.x")->status;
  EXPECT_EQ(status, 429);
}

TEST_F(ApiTest, PagesLetNoForeignScriptRun) {
  const auto page = client().Get("/");
  ASSERT_EQ(page->status, 200);
  EXPECT_EQ(page->get_header_value("Content-Security-Policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
  EXPECT_EQ(page->get_header_value("Referrer-Policy"), "no-referrer");
  EXPECT_EQ(client().Get("/js/app.js")->get_header_value("Content-Type"),
            "text/javascript; charset=utf-8");
  EXPECT_EQ(client().Get("/../control.conf")->status, 404);
}

TEST_F(ApiTest, LiveBeginsWithTheStatusAndHasRoomForSoMany) {
  std::string heard;
  // Ends by itself once the first message is there.
  client().Get("/api/v1/live", as("viewer"), [&](const char* text, size_t bytes) {
    heard.append(text, bytes);
    return heard.find("\n\n") == heard.npos;
  });
  EXPECT_THAT(heard, testing::StartsWith("event: status\ndata: {\"control\""));
  EXPECT_EQ(reply_of(client().Get("/api/v1/live")).status, 401);
}

TEST_F(ApiTest, LiveEndsWithTheServer) {
  std::thread stopper;
  std::string heard;
  client().Get("/api/v1/live", as("viewer"), [&](const char* text, size_t bytes) {
    heard.append(text, bytes);
    if (!stopper.joinable()) stopper = std::thread([this] { api_.reset(); });
    return true;
  });
  ASSERT_TRUE(stopper.joinable());
  stopper.join();
  EXPECT_EQ(api_, nullptr);
}

TEST_F(ApiTest, StartSaysWhatIsWrong) {
  const auto taken =
      Server::start(*ledger_, channel_, {.address = "127.0.0.1", .port = api_->port()});
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error(), HasSubstr("api.listen"));
  const auto no_certificate =
      Server::start(*ledger_, channel_,
                    {.address = "127.0.0.1", .certificate = "/nonexistent", .key = "/nonexistent"});
  ASSERT_FALSE(no_certificate);
  EXPECT_THAT(no_certificate.error(), HasSubstr("api.certificate"));
}

}  // namespace
}  // namespace postern::api
