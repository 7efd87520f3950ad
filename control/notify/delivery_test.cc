// Webhooks against a server in this process; letters against Python's aiosmtpd.
#include "control/notify/delivery.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <httplib.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "control/notify/testing/laboratory.h"

namespace postern::notify {
namespace {

using ledger::OutboxMessage;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// The example of the Standard Webhooks specification's libraries; also
//   printf '%s' 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}' | openssl dgst
//   -sha256 -mac HMAC -macopt hexkey:31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0 -binary |
//   base64
TEST(WebhookSignature, IsThatOfStandardWebhooks) {
  EXPECT_EQ(
      webhook_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                        1614265330, R"({"test": 2432232314})"),
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  // printf 'msg_1.1700000000.{}' | openssl dgst -sha256 -hmac geheim -binary | base64
  EXPECT_EQ(webhook_signature("geheim", "msg_1", 1'700'000'000, "{}"),
            "v1,E0US92BWCN+qfwd4LxcZe98w6X+RtWhCjB2FVwWHaSc=");
  EXPECT_EQ(webhook_signature("whsec_no base64!", "msg_1", 1, "{}"), "");
}

class WebhookTest : public Laboratory {
 protected:
  WebhookTest() {
    server_.Post("/good", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard guard(mutex_);
      requests_.push_back(request);
      response.status = 204;
    });
    server_.Post("/redirect", [](const httplib::Request&, httplib::Response& response) {
      response.set_redirect("/good", 307);
    });
    server_.Post("/broken", [](const httplib::Request&, httplib::Response& response) {
      response.status = 500;
      response.set_content("x\r\n\x1b[2J", "text/plain");
    });
    for (const int status : {200, 503}) {
      server_.Post(fmt::format("/endless{}", status), [status](const httplib::Request&,
                                                               httplib::Response& response) {
        response.status = status;
        response.set_chunked_content_provider("text/plain", [](size_t, httplib::DataSink& sink) {
          const std::string some(4096, 'x');
          return sink.write(some.data(), some.size());
        });
      });
    }
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~WebhookTest() override {
    server_.stop();
    thread_.join();
  }
  OutboxMessage message(const std::string& path) const {
    return {.channel = ledger::OutboxChannel::kWebhook,
            .to = fmt::format("http://127.0.0.1:{}{}", port_, path),
            .identity = "msg_1",
            .message = R"({"type":"case.opened"})"};
  }
  Delivery post_to(const std::string& path) {
    return post(message(path), "geheim", settings_, kOpened, stop_);
  }

  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<httplib::Request> requests_;
  std::atomic<bool> stop_ = false;
};

TEST_F(WebhookTest, IsPostedWithItsSignature) {
  const Delivery done = post_to("/good");
  EXPECT_TRUE(done.done) << done.text;
  ASSERT_THAT(requests_, SizeIs(1));
  const httplib::Request& request = requests_[0];
  EXPECT_EQ(request.body, R"({"type":"case.opened"})");
  EXPECT_EQ(request.get_header_value("Content-Type"), "application/json");
  EXPECT_EQ(request.get_header_value("webhook-id"), "msg_1");
  EXPECT_EQ(request.get_header_value("webhook-timestamp"), "1700000000");
  EXPECT_EQ(request.get_header_value("webhook-signature"),
            webhook_signature("geheim", "msg_1", kOpened, request.body));
  // Without a secret there is nothing to sign with.
  EXPECT_TRUE(post(message("/good"), "", settings_, kOpened, stop_).done);
  EXPECT_FALSE(requests_[1].has_header("webhook-signature"));
}

TEST_F(WebhookTest, FollowsNoRedirectAndTakesNoErrorForDelivery) {
  const Delivery redirected = post_to("/redirect");
  EXPECT_FALSE(redirected.done || redirected.hopeless);
  EXPECT_THAT(redirected.text, HasSubstr("answers 307: redirects are not followed"));
  EXPECT_THAT(requests_, IsEmpty());
  const Delivery broken = post_to("/broken");
  EXPECT_FALSE(broken.done || broken.hopeless);
  EXPECT_THAT(broken.text, AllOf(HasSubstr("answers 500"), Not(HasSubstr("\x1b"))));
}

TEST_F(WebhookTest, LeavesAnEndlessAnswer) {
  EXPECT_TRUE(post_to("/endless200").done);
  const Delivery failed = post_to("/endless503");
  EXPECT_FALSE(failed.done);
  EXPECT_THAT(failed.text, HasSubstr("answers 503"));
}

TEST_F(WebhookTest, WantsTls) {
  OutboxMessage plain = message("/good");
  plain.to = "http://hook.example/";
  const Delivery refused = post(plain, "", settings_, kOpened, stop_);
  EXPECT_TRUE(refused.hopeless);
  EXPECT_THAT(refused.text, HasSubstr("notify.allow_plain_http"));
  for (const char* bad : {"ftp://127.0.0.1/", "file:///etc/passwd", "anna@example.com"}) {
    plain.to = bad;
    EXPECT_TRUE(post(plain, "", settings_, kOpened, stop_).hopeless) << bad;
  }
  EXPECT_TRUE(post(message("/good"), "whsec_?", settings_, kOpened, stop_).hopeless);
  // TLS to a server that has none.
  plain.to = fmt::format("https://127.0.0.1:{}/good", port_);
  const Delivery garbled = post(plain, "", settings_, kOpened, stop_);
  EXPECT_FALSE(garbled.done || garbled.hopeless);
  EXPECT_THAT(requests_, IsEmpty());
}

TEST_F(WebhookTest, NobodyThereIsTriedAgainAndAnEndIsHeeded) {
  OutboxMessage nobody = message("/good");
  nobody.to = "http://127.0.0.1:1/";
  const Delivery refused = post(nobody, "", settings_, kOpened, stop_);
  EXPECT_TRUE(refused.way_is_down);
  EXPECT_FALSE(refused.hopeless);
  stop_ = true;
  EXPECT_FALSE(post_to("/good").done);
}

// testing/mail_server.py: takes letters, keeps each with its envelope in a folder.
class SubmissionTest : public Laboratory {
 protected:
  // Begins the server; false: Python or aiosmtpd is missing.
  bool begin(const std::string& mode) {
    int out[2];
    if (pipe(out) != 0) return false;
    child_ = fork();
    if (child_ == 0) {
      dup2(out[1], 1);
      close(out[0]);
      execl("/usr/bin/python3", "python3",
            POSTERN_SOURCE_ROOT "/control/notify/testing/mail_server.py",
            directory_.string().c_str(), mode.c_str(), nullptr);
      _exit(127);
    }
    close(out[1]);
    // It tells its port once it listens.
    std::string line;
    for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
    close(out[0]);
    if (line.empty()) return false;
    settings_.submission.url =
        fmt::format("{}://localhost:{}", mode == "smtps" ? "smtps" : "smtp", line);
    settings_.ca_file = directory_ / "certificate.pem";
    settings_.submission.user = "postern";
    settings_.submission.password = "pass word";
    return true;
  }
  ~SubmissionTest() override {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  OutboxMessage letter() const {
    return {.to = "anna@customer.example",
            .message = "Subject: x\r\n\r\n.\r\n..two\r\n" + std::string(990, 'y') + "\r\n\r\n"};
  }
  Delivery submit_it() { return submit(letter(), settings_, stop_); }

  pid_t child_ = 0;
  std::atomic<bool> stop_ = false;
};

TEST_F(SubmissionTest, GoesThroughStartTlsWithALogin) {
  if (!begin("starttls")) GTEST_SKIP() << "needs python3-aiosmtpd and openssl";
  const Delivery done = submit_it();
  ASSERT_TRUE(done.done) << done.text;
  EXPECT_EQ(read(directory_ / "taken.eml"), letter().message);
  const auto envelope = nlohmann::json::parse(read(directory_ / "taken.json"));
  EXPECT_EQ(envelope["from"], "<>");
  EXPECT_EQ(envelope["to"], nlohmann::json::array({"anna@customer.example"}));
  EXPECT_EQ(envelope["tls"], true);
  EXPECT_EQ(envelope["user"], "postern");
  EXPECT_EQ(envelope["helo"], "gate.example");

  settings_.envelope_sender = "bounces@gate.example";
  ASSERT_TRUE(submit_it().done);
  EXPECT_EQ(nlohmann::json::parse(read(directory_ / "taken.json"))["from"], "bounces@gate.example");

  // Whom the server does not take, it will not take tomorrow; a wrong password may be put right.
  OutboxMessage nobody = letter();
  nobody.to = "nobody@customer.example";
  const Delivery refused = submit(nobody, settings_, stop_);
  EXPECT_TRUE(refused.hopeless) << refused.text;
  settings_.submission.password = "wrong";
  const Delivery denied = submit_it();
  EXPECT_FALSE(denied.done || denied.hopeless) << denied.text;
  EXPECT_TRUE(denied.way_is_down);
  EXPECT_THAT(denied.text, Not(HasSubstr("wrong")));
  // Nor is a certificate that nobody vouches for.
  settings_.ca_file.clear();
  const Delivery stranger = submit_it();
  EXPECT_FALSE(stranger.done || stranger.hopeless) << stranger.text;
}

TEST_F(SubmissionTest, GoesThroughTlsFromTheBeginning) {
  if (!begin("smtps")) GTEST_SKIP() << "needs python3-aiosmtpd and openssl";
  const Delivery done = submit_it();
  EXPECT_TRUE(done.done) << done.text;
}

TEST_F(SubmissionTest, SaysNothingToAServerWithoutTls) {
  if (!begin("plain")) GTEST_SKIP() << "needs python3-aiosmtpd and openssl";
  const Delivery refused = submit_it();
  EXPECT_FALSE(refused.done || refused.hopeless) << refused.text;
  EXPECT_FALSE(std::filesystem::exists(directory_ / "taken.eml"));
  // On this machine the operator may have none.
  settings_.submission.tls = false;
  settings_.submission.user.clear();
  const Delivery done = submit_it();
  EXPECT_TRUE(done.done) << done.text;
}

}  // namespace
}  // namespace postern::notify
