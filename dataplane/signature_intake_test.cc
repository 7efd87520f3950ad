// The intake with real sets and real workers; control is played by the test, piece by piece.
#include "dataplane/signature_intake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "dataplane/ports/testing/eal_environment.h"
#include "dataplane/verdict/verdict_table.h"
#include "patterns/compile/compiler.h"
#include "patterns/language/reader.h"

namespace postern {
namespace {

using channel::v1::FromDataPlane;
using channel::v1::ToDataPlane;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

const auto* const kEal = ::testing::AddGlobalTestEnvironment(new ports::testing::EalEnvironment);

class Intake : public ::testing::Test {
 protected:
  Intake()
      : folder_(fs::temp_directory_path() / ("postern-intake-test-" + std::to_string(getpid()))),
        source_(*ports::MbufFrameSource::create("intake", 63, 1522)),
        verdicts_(*verdict::VerdictTable::create({.capacity = 16, .readers = 1})),
        empty_(rte_ring_create("empty", 8, SOCKET_ID_ANY, 0)) {
    fs::remove_all(folder_);
    fs::create_directory(folder_);
    config_.folder = folder_ / "signatures";
    config_.trust.keys = {key_.public_key()};
    restart();
  }
  ~Intake() override {
    stop();
    rte_ring_free(empty_);
    fs::remove_all(folder_);
  }

  void stop() {
    if (intake_ != nullptr) intake_->stop();
    for (auto& worker : workers_) worker->stop();
    if (thread_.joinable()) thread_.join();
    intake_.reset();
    handover_.reset();
    workers_.clear();
  }
  // A new life of the process.
  void restart() {
    stop();
    const auto in = ports::RxLane::from_ring(empty_);
    const auto out = ports::TxLane::to_ring(empty_);
    workers_.push_back(*worker::Worker::create({.worker = 0},
                                               {source_.get(), &clock_, verdicts_.get()},
                                               {{in, in}, {{{out}, {out}}}}, nullptr, 50));
    handover_ = std::make_unique<SignatureHandover>(workers_, [](const auto&, uint64_t) {});
    intake_ = *SignatureIntake::create(config_, *handover_, [this](FromDataPlane message) {
      const std::lock_guard lock(mutex_);
      said_.push_back(std::move(message));
      changed_.notify_all();
    });
    intake_->take_up();
    thread_ = std::thread([this] { workers_[0]->run(); });
    intake_->start();
  }

  // A set of one rule of this name, as a file.
  fs::path compiled(const std::string& rule, bool is_signed = true) {
    language::Reader reader;
    reader.read_text("test.cf", "body " + rule + " /x/\n");
    auto set = compile::compile(
                   *reader.finish(),
                   {.compiler = "test", .placement = {.factoring = compile::Factoring::kNever}})
                   ->artefact;
    if (is_signed) {
      EXPECT_TRUE(artefact::sign(set, key_));
    }
    const fs::path path = folder_ / (rule + ".psig");
    EXPECT_TRUE(artefact::write(set, path));
    return path;
  }
  static std::string octets(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void fill(const fs::path& path, channel::v1::SignatureFile* file) {
    const std::string data = octets(path);
    file->set_sha256(artefact::hex(
        artefact::sha256({reinterpret_cast<const uint8_t*>(data.data()), data.size()})));
    file->set_bytes(data.size());
    file->set_name(path.filename().string());
  }
  FromDataPlane next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return heard_ < said_.size(); });
    return said_[heard_++];
  }
  void send_piece(const channel::v1::SignatureRequest& request, const fs::path& path, size_t size) {
    ToDataPlane message;
    auto& chunk = *message.mutable_signature_chunk();
    chunk.set_sha256(request.sha256());
    chunk.set_offset(request.offset());
    chunk.set_data(octets(path).substr(request.offset(), size));
    intake_->receive(message);
  }
  // Orders, answers requests, and returns the answer.
  channel::v1::SignatureAnswer order(const fs::path& set, const fs::path& shadow = {},
                                     size_t piece = 1000) {
    ToDataPlane message;
    message.mutable_signature_order()->set_number(++number_);
    if (!set.empty()) fill(set, message.mutable_signature_order()->mutable_set());
    if (!shadow.empty()) fill(shadow, message.mutable_signature_order()->mutable_shadow());
    intake_->receive(message);
    for (;;) {
      const FromDataPlane said = next();
      if (said.has_signature_answer()) {
        EXPECT_EQ(said.signature_answer().number(), number_);
        return said.signature_answer();
      }
      ++requests_;
      channel::v1::SignatureFile first;
      if (!set.empty()) fill(set, &first);
      const bool is_set = said.signature_request().sha256() == first.sha256();
      send_piece(said.signature_request(), is_set ? set : shadow, piece);
    }
  }
  std::string in_force() const {
    const auto sets = handover_->in_force();
    const auto rule = [](const auto& set) {
      return set == nullptr ? std::string("-") : std::string(set->rule_name(0));
    };
    return rule(sets.set) + " " + rule(sets.shadow);
  }

  const artefact::PrivateKey key_ = *artefact::PrivateKey::generate();
  const fs::path folder_;
  SignatureIntake::Config config_;
  std::unique_ptr<ports::MbufFrameSource> source_;
  std::unique_ptr<verdict::VerdictTable> verdicts_;
  rte_ring* empty_;
  ports::Clock clock_;
  std::vector<std::unique_ptr<worker::Worker>> workers_;
  std::unique_ptr<SignatureHandover> handover_;
  std::unique_ptr<SignatureIntake> intake_;
  std::thread thread_;
  uint64_t number_ = 0;
  int requests_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<FromDataPlane> said_;
  size_t heard_ = 0;
};

TEST_F(Intake, ASetComesInPiecesAndOutlivesTheProcess) {
  const fs::path set = compiled("ONE");
  EXPECT_EQ(in_force(), "- -");
  const auto answer = order(set);
  EXPECT_TRUE(answer.in_force()) << answer.reason();
  EXPECT_EQ(requests_, static_cast<int>((fs::file_size(set) + 999) / 1000));
  EXPECT_EQ(in_force(), "ONE -");
  EXPECT_TRUE(intake_->is_pushed());
  restart();
  EXPECT_EQ(in_force(), "ONE -");
  EXPECT_TRUE(intake_->is_pushed());
  // What is held is not asked for again.
  requests_ = 0;
  EXPECT_TRUE(order(set).in_force());
  EXPECT_EQ(requests_, 0);
}

TEST_F(Intake, AnOrderedSetGoesBeforeTheConfiguredOneUntilNoneIsOrdered) {
  config_.configured = compiled("CONFIGURED");
  restart();
  EXPECT_EQ(in_force(), "CONFIGURED -");
  EXPECT_FALSE(intake_->is_pushed());
  ASSERT_TRUE(order(compiled("ONE")).in_force());
  restart();
  EXPECT_EQ(in_force(), "ONE -");
  ASSERT_TRUE(order({}).in_force());
  EXPECT_EQ(in_force(), "CONFIGURED -");
  EXPECT_FALSE(intake_->is_pushed());
  restart();
  EXPECT_EQ(in_force(), "CONFIGURED -");
}

TEST_F(Intake, ARefusedSetLeavesEverythingAsItWas) {
  const fs::path one = compiled("ONE"), shadow = compiled("SHADOW");
  ASSERT_TRUE(order(one, shadow).in_force());
  const auto unsigned_answer = order(compiled("TWO", false), shadow);
  EXPECT_FALSE(unsigned_answer.in_force());
  EXPECT_THAT(unsigned_answer.reason(), HasSubstr("TWO.psig: the set is not signed"));
  EXPECT_EQ(in_force(), "ONE SHADOW");
  // A shadow set that is refused takes nothing with it.
  EXPECT_FALSE(order(compiled("THREE"), compiled("FOUR", false)).in_force());
  EXPECT_EQ(in_force(), "ONE SHADOW");
  const fs::path damaged = compiled("FIVE");
  fs::resize_file(damaged, fs::file_size(damaged) - 64);
  EXPECT_THAT(order(damaged).reason(), HasSubstr("truncated"));
  restart();
  EXPECT_EQ(in_force(), "ONE SHADOW");
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(config_.folder)) files += entry.exists();
  EXPECT_EQ(files, 3u);  // two sets and the order
}

TEST_F(Intake, TheConfiguredFileIsReadAgainWhenAskedTo) {
  config_.configured = compiled("ONE");
  restart();
  const auto wait_for = [&](const std::string& what) {
    while (in_force() != what) {
      ASSERT_NE(in_force(), "THREE -");
      std::this_thread::yield();
    }
  };
  // Written over in place, as cp does it: the set in force has a copy of its own.
  const auto write_over = [&](const fs::path& from) {
    std::ofstream(config_.configured, std::ios::binary) << octets(from);
  };
  write_over(compiled("TWO"));
  EXPECT_EQ(in_force(), "ONE -");
  intake_->reload_configured();
  wait_for("TWO -");
  // What is refused changes nothing; the next good one counts.
  write_over(compiled("THREE", false));
  intake_->reload_configured();
  write_over(compiled("FOUR"));
  intake_->reload_configured();
  wait_for("FOUR -");
}

TEST_F(Intake, ANewOrderEndsAnArrival) {
  const fs::path one = compiled("ONE"), two = compiled("TWO");
  ToDataPlane message;
  message.mutable_signature_order()->set_number(++number_);
  fill(one, message.mutable_signature_order()->mutable_set());
  intake_->receive(message);
  const auto request = next().signature_request();
  EXPECT_EQ(request.offset(), 0u);
  send_piece(request, one, 100);
  const auto late = next().signature_request();
  EXPECT_EQ(late.offset(), 100u);
  // Control dies and comes back with another order; a piece of the first is still on its way.
  ToDataPlane second;
  second.mutable_signature_order()->set_number(++number_);
  fill(two, second.mutable_signature_order()->mutable_set());
  intake_->receive(second);
  send_piece(late, one, 100);
  const auto again = next().signature_request();
  EXPECT_EQ(again.offset(), 0u);
  send_piece(again, two, 1 << 20);
  EXPECT_TRUE(next().signature_answer().in_force());
  EXPECT_EQ(in_force(), "TWO -");
}

TEST_F(Intake, ASetThatControlNoLongerHasIsRefused) {
  ToDataPlane message;
  message.mutable_signature_order()->set_number(7);
  fill(compiled("ONE"), message.mutable_signature_order()->mutable_set());
  intake_->receive(message);
  ToDataPlane gone;
  gone.mutable_signature_chunk()->set_sha256(next().signature_request().sha256());
  gone.mutable_signature_chunk()->set_gone("it was dropped");
  intake_->receive(gone);
  const auto answer = next().signature_answer();
  EXPECT_EQ(answer.number(), 7u);
  EXPECT_FALSE(answer.in_force());
  EXPECT_EQ(answer.reason(), "it was dropped");
}

TEST_F(Intake, ShadowSetsCanBeForbidden) {
  config_.shadows = false;
  restart();
  EXPECT_THAT(order(compiled("ONE"), compiled("TWO")).reason(),
              HasSubstr("limits.shadow_messages is 0"));
  EXPECT_EQ(in_force(), "- -");
}

}  // namespace
}  // namespace postern
