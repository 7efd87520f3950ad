// The handover with a stand-in for the scanner: every name is a set.
#include "dataplane/signature_handover.h"

#include <gtest/gtest.h>

#include <thread>

#include "dataplane/ports/testing/eal_environment.h"
#include "dataplane/verdict/verdict_table.h"

namespace postern {

namespace scan {

struct SignatureSet::Compiled {
  std::string digest;
};
struct MessageScan::Scratch::Impl {};

std::expected<std::shared_ptr<const SignatureSet>, std::string> SignatureSet::load(
    const std::filesystem::path& artefact) {
  std::shared_ptr<SignatureSet> set(new SignatureSet());
  set->compiled_ = std::make_unique<Compiled>(artefact.string());
  return set;
}
SignatureSet::~SignatureSet() = default;
const std::string& SignatureSet::digest() const { return compiled_->digest; }

namespace {
int scratches = 0;
}
MessageScan::Scratch::Scratch() { ++scratches; }
MessageScan::Scratch::~Scratch() { --scratches; }
std::expected<void, std::string> MessageScan::Scratch::prepare(const SignatureSet& set) {
  if (set.digest() == "too-large.psig") return std::unexpected("no memory for scratch");
  return {};
}

}  // namespace scan

namespace {

const auto* const kEal = ::testing::AddGlobalTestEnvironment(new ports::testing::EalEnvironment);

class Handover : public ::testing::Test {
 protected:
  static constexpr uint32_t kWorkers = 2;

  Handover()
      : source_(*ports::MbufFrameSource::create("handover", 63, 1522)),
        verdicts_(*verdict::VerdictTable::create({.capacity = 16, .readers = kWorkers})),
        empty_(rte_ring_create("empty", 8, SOCKET_ID_ANY, 0)) {
    const auto in = ports::RxLane::from_ring(empty_);
    const auto out = ports::TxLane::to_ring(empty_);
    for (uint32_t number = 0; number < kWorkers; ++number)
      workers_.push_back(*worker::Worker::create({.worker = number},
                                                 {source_.get(), &clock_, verdicts_.get()},
                                                 {{in, in}, {{{out}, {out}}}}, nullptr, 50));
    handover_ = std::make_unique<SignatureHandover>(
        workers_, [this](const SignatureHandover::Sets& sets, uint64_t generation) {
          announced_.emplace_back(generation, sets.set->digest());
        });
  }
  ~Handover() override {
    stop();
    handover_.reset();
    workers_.clear();
    rte_ring_free(empty_);
    EXPECT_EQ(scan::scratches, 0);
  }
  static SignatureHandover::Set set(const char* name) { return *scan::SignatureSet::load(name); }
  std::expected<void, std::string> load(const char* name) {
    return handover_->put_in_force({set(name), nullptr});
  }
  void collect_until_one_is_held() {
    while (handover_->generations_held() > 1) {
      handover_->collect();
      std::this_thread::yield();
    }
  }
  void start() {
    for (auto& worker : workers_) threads_.emplace_back([&] { worker->run(); });
  }
  void stop() {
    for (auto& worker : workers_) worker->stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

  std::unique_ptr<ports::MbufFrameSource> source_;
  std::unique_ptr<verdict::VerdictTable> verdicts_;
  rte_ring* empty_;
  ports::Clock clock_;
  std::vector<std::unique_ptr<worker::Worker>> workers_;
  std::vector<std::pair<uint64_t, std::string>> announced_;
  std::unique_ptr<SignatureHandover> handover_;
  std::vector<std::thread> threads_;
};

TEST_F(Handover, ASetPostedBeforeTheStartIsInForceFromTheFirstFrame) {
  EXPECT_EQ(handover_->in_force().set, nullptr);
  ASSERT_TRUE(load("one.psig").has_value());
  EXPECT_EQ(handover_->in_force().set->digest(), "one.psig");
  EXPECT_EQ(announced_, (std::vector<std::pair<uint64_t, std::string>>{{1, "one.psig"}}));
  start();
  for (auto& worker : workers_)
    while (worker->adopted_generation() != 1) std::this_thread::yield();
}

TEST_F(Handover, ASetThatCannotBePreparedLeavesTheOneInForce) {
  start();
  ASSERT_TRUE(load("one.psig").has_value());
  const auto loaded = load("too-large.psig");
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error(), "no memory for scratch");
  EXPECT_EQ(handover_->in_force().set->digest(), "one.psig");
  EXPECT_EQ(announced_.size(), 1u);
  EXPECT_EQ(handover_->generations_held(), 1u);
}

// A shadow set comes and goes beside a set that stays: the set is not freed with the generations.
TEST_F(Handover, AShadowSetGoesAlone) {
  const SignatureHandover::Set one = set("one.psig");
  ASSERT_TRUE(handover_->put_in_force({one, nullptr}).has_value());
  start();
  SignatureHandover::Set shadow = set("shadow.psig");
  const std::weak_ptr<const scan::SignatureSet> first_shadow = shadow;
  ASSERT_TRUE(handover_->put_in_force({one, std::move(shadow)}).has_value());
  EXPECT_EQ(handover_->in_force().shadow->digest(), "shadow.psig");
  collect_until_one_is_held();
  EXPECT_FALSE(first_shadow.expired());
  ASSERT_TRUE(handover_->put_in_force({one, nullptr}).has_value());
  collect_until_one_is_held();
  EXPECT_TRUE(first_shadow.expired());
  EXPECT_EQ(handover_->in_force().set, one);
  EXPECT_EQ(scan::scratches, static_cast<int>(kWorkers));
}

TEST_F(Handover, HowLongTakingASetTookIsKept) {
  start();
  ASSERT_TRUE(load("one.psig").has_value());
  for (auto& worker : workers_) {
    while (worker->adopted_generation() != 1) std::this_thread::yield();
    while (worker->longest_adoption_ns() == 0) std::this_thread::yield();
  }
}

TEST_F(Handover, TheFormerSetIsFreedOnceNoWorkerUsesIt) {
  ASSERT_TRUE(load("one.psig").has_value());
  const std::weak_ptr<const scan::SignatureSet> first = handover_->in_force().set;
  start();
  ASSERT_TRUE(load("two.psig").has_value());
  collect_until_one_is_held();
  EXPECT_TRUE(first.expired());
  EXPECT_EQ(scan::scratches, static_cast<int>(kWorkers));
  EXPECT_EQ(handover_->in_force().set->digest(), "two.psig");
}

TEST_F(Handover, TheFormerSetIsKeptWhileAWorkerHasNotTakenTheNew) {
  ASSERT_TRUE(load("one.psig").has_value());
  const std::weak_ptr<const scan::SignatureSet> first = handover_->in_force().set;
  start();
  for (auto& worker : workers_)
    while (worker->adopted_generation() != 1) std::this_thread::yield();
  stop();
  ASSERT_TRUE(load("two.psig").has_value());
  handover_->collect();
  EXPECT_EQ(handover_->generations_held(), 2u);
  EXPECT_FALSE(first.expired());
}

}  // namespace
}  // namespace postern
