// The agent and a control process on another machine: mutual TLS, and ways that fall silent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <thread>

#include "base/testing/test_certificates.h"
#include "dataplane/agent/agent.h"
#include "dataplane/agent/fake_control.h"
#include "dataplane/agent/scratch_directory.h"

namespace postern::agent {
namespace {

using channel::v1::FromDataPlane;
using channel::v1::ToDataPlane;
using testing::AllOf;
using testing::HasSubstr;

// What is logged while it lives.
class LogWatch {
 public:
  LogWatch() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink_));
  }
  ~LogWatch() { spdlog::set_default_logger(before_); }
  // The first line with `part` in it; waits for it.
  std::string line(const std::string& part) { return sink_->line(part); }

 private:
  class Sink final : public spdlog::sinks::base_sink<std::mutex> {
   public:
    std::string line(const std::string& part) {
      std::unique_lock lock(lines_mutex_);
      std::string found;
      came_.wait_for(lock, std::chrono::seconds(30), [&] {
        for (const std::string& line : lines_)
          if (line.contains(part)) return found = line, true;
        return false;
      });
      return found;
    }

   private:
    void sink_it_(const spdlog::details::log_msg& message) override {
      const std::lock_guard lock(lines_mutex_);
      lines_.emplace_back(message.payload.data(), message.payload.size());
      came_.notify_all();
    }
    void flush_() override {}
    std::mutex lines_mutex_;
    std::condition_variable came_;
    std::vector<std::string> lines_;
  };
  std::shared_ptr<Sink> sink_ = std::make_shared<Sink>();
  std::shared_ptr<spdlog::logger> before_;
};

// A way to a port of this machine that can fall silent: connections stay open and nothing passes.
class Way {
 public:
  explicit Way(int to_port) : to_port_(to_port) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    bind(listener_, reinterpret_cast<sockaddr*>(&address), length);
    listen(listener_, 16);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    if (pipe(ending_) != 0) throw std::runtime_error("no pipe");
    thread_ = std::thread([this] { run(); });
  }
  ~Way() {
    close(ending_[1]);
    thread_.join();
    for (const auto& [one, other] : ends_) close(one);
    close(ending_[0]);
    close(listener_);
  }
  int port() const { return port_; }
  // What is open now is silent for ever; what is opened later passes.
  void fall_silent() { silent_ = opened_.load(); }

 private:
  static sockaddr_in loopback(int port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out.sin_port = htons(static_cast<uint16_t>(port));
    return out;
  }
  void open_one() {
    const int near = accept(listener_, nullptr, nullptr), far = socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = loopback(to_port_);
    if (connect(far, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      close(near), close(far);
      return;
    }
    number_[near] = number_[far] = ++opened_;
    ends_[near] = far, ends_[far] = near;
  }
  void pass(int from) {
    char bytes[16384];
    const ssize_t count = read(from, bytes, sizeof bytes);
    const int to = ends_[from];
    if (number_[from] <= silent_ && count > 0) return;
    if (count > 0 && write(to, bytes, static_cast<size_t>(count)) == count) return;
    close(from), close(to);
    ends_.erase(from), ends_.erase(to);
  }
  void run() {
    while (true) {
      std::vector<pollfd> all{{ending_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const auto& [one, other] : ends_) all.push_back({one, POLLIN, 0});
      poll(all.data(), all.size(), -1);
      if (all[0].revents != 0) return;
      if (all[1].revents != 0) open_one();
      for (size_t i = 2; i < all.size(); ++i)
        if (all[i].revents != 0 && ends_.contains(all[i].fd)) pass(all[i].fd);
    }
  }

  const int to_port_;
  int listener_ = -1, port_ = 0, ending_[2]{};
  std::atomic<int> opened_{0}, silent_{0};
  std::map<int, int> ends_, number_;  // the thread's
  std::thread thread_;
};

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

class RemoteControlTest : public testing::Test {
 protected:
  void start_control(const TlsFiles& files, int port = 0) {
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = text_of(certificates_.control().authorities);
    options.pem_key_cert_pairs.push_back({text_of(files.key), text_of(files.certificate)});
    control_.emplace(fmt::format("127.0.0.1:{}", port), true, grpc::SslServerCredentials(options));
    config_.control = fmt::format("dns:///127.0.0.1:{}", control_->port());
  }
  void start_agent() {
    table_ = *verdict::VerdictTable::create({.capacity = 10});
    agent_ = std::move(*Agent::create(config_, *table_, {}, {}));
    const auto started = agent_->start();
    ASSERT_TRUE(started.has_value()) << started.error();
  }
  bool greeted(size_t times = 1) {
    return control_->wait([&](const FakeControl::Received& all) {
      return static_cast<size_t>(std::ranges::count_if(
                 all, [](const FromDataPlane& m) { return m.has_hello(); })) >= times;
    });
  }
  bool takes_a_verdict(uint64_t version) {
    ToDataPlane message;
    auto* part = message.mutable_snapshot();
    part->set_epoch("e");
    part->set_version(version);
    part->set_last(true);
    auto* refusal = part->add_verdicts();
    refusal->set_address(std::string("\xc0\x00\x02\x01", 4));  // 192.0.2.1
    refusal->set_prefix_length(32);
    refusal->set_treatment(channel::v1::TREATMENT_REFUSE);
    control_->send(message);
    return control_->first([&](const FromDataPlane& m) { return m.ack().version() == version; })
        .has_ack();
  }
  bool refuses() const {
    return table_->lookup(*IpAddress::parse("192.0.2.1"), 0).treatment ==
           verdict::Treatment::kRefuse;
  }

  LogWatch log_;
  TestCertificates certificates_;
  ScratchDirectory scratch_;
  AgentConfig config_{.gate = "edge-2",
                      .software = "test 1",
                      .remote = RemoteControl{.files = certificates_.gate("edge-2")},
                      .verdicts = {.directory = scratch_ / "state"},
                      .first_retry = std::chrono::milliseconds(5),
                      .longest_retry = std::chrono::milliseconds(20)};
  std::unique_ptr<verdict::VerdictTable> table_;
  std::optional<FakeControl> control_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(RemoteControlTest, VerdictsComeThroughMutualTls) {
  start_control(certificates_.control());
  start_agent();
  ASSERT_TRUE(greeted());
  EXPECT_TRUE(takes_a_verdict(5));
  EXPECT_TRUE(refuses());
  EXPECT_EQ(agent_->away_because(), "");
}

TEST_F(RemoteControlTest, TheCertificateMayBeForAnotherNameThanTheAddress) {
  config_.remote->server_name = "control.test";
  start_control(certificates_.control());
  start_agent();
  EXPECT_TRUE(greeted());
}

TEST_F(RemoteControlTest, AControlWithTheWrongNameIsNotSpokenTo) {
  config_.remote->server_name = "elsewhere.test";
  start_control(certificates_.control());
  start_agent();
  const std::string line = log_.line("is away");
  EXPECT_THAT(line, HasSubstr("Peer name elsewhere.test is not in peer certificate"));
  EXPECT_THAT(line, HasSubstr(agent_->away_because()));
  EXPECT_EQ(control_->received(), 0u);
}

TEST_F(RemoteControlTest, AControlOfAnotherAuthorityIsNotSpokenTo) {
  TestCertificates others;
  start_control(others.control());
  start_agent();
  EXPECT_THAT(log_.line("is away"), HasSubstr("its certificate is of no authority in control.ca"));
  EXPECT_EQ(control_->received(), 0u);
}

TEST_F(RemoteControlTest, AGatesCertificateIsNoControls) {
  start_control(certificates_.gate("127.0.0.1"));
  start_agent();
  EXPECT_THAT(log_.line("is away"), HasSubstr("its certificate is of no authority in control.ca"));
  EXPECT_EQ(control_->received(), 0u);
}

TEST_F(RemoteControlTest, WhoIsTurnedAwayForItsCertificateIsToldWhereToLook) {
  TestCertificates others;
  config_.remote->files = others.gate("edge-2");
  config_.remote->files.authorities = certificates_.control().authorities;
  start_control(certificates_.control());
  start_agent();
  EXPECT_THAT(log_.line("is away"), HasSubstr("it may not know the authority of our certificate"));
  EXPECT_EQ(control_->received(), 0u);
}

TEST_F(RemoteControlTest, FilesThatGoAreSaidAndRenewedOnesTakenUp) {
  start_control(certificates_.control());
  const TlsFiles files = config_.remote->files;
  std::filesystem::rename(files.key, scratch_ / "key");
  start_agent();
  EXPECT_THAT(log_.line("is away"), AllOf(HasSubstr("control.key"), HasSubstr("No such file")));
  std::filesystem::rename(scratch_ / "key", files.key);
  EXPECT_TRUE(greeted());
}

TEST_F(RemoteControlTest, ABrokenReplacementLeavesWhatWasReadBefore) {
  start_control(certificates_.control());
  start_agent();
  ASSERT_TRUE(greeted());
  std::ofstream(config_.remote->files.key) << "half a key";
  const int port = control_->port();
  control_->kill();
  EXPECT_THAT(log_.line("is still shown"), HasSubstr("control.key"));
  start_control(certificates_.control(), port);
  EXPECT_TRUE(greeted());
}

TEST_F(RemoteControlTest, AConnectionThatDiesSilentlyIsNoticedAndMadeAgain) {
  config_.remote->keepalive_after = std::chrono::milliseconds(50);
  config_.remote->keepalive_patience = std::chrono::milliseconds(2000);
  start_control(certificates_.control());
  Way way(control_->port());
  config_.control = fmt::format("dns:///127.0.0.1:{}", way.port());
  start_agent();
  ASSERT_TRUE(greeted());
  ASSERT_TRUE(takes_a_verdict(5));
  way.fall_silent();
  EXPECT_THAT(log_.line("enforcing version 5"), HasSubstr("is away"));
  EXPECT_TRUE(refuses());
  EXPECT_TRUE(greeted(2));
}

}  // namespace
}  // namespace postern::agent
