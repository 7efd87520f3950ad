#include "control/server/signature_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "patterns/artefact/artefact.h"
#include "patterns/compile/compiler.h"
#include "patterns/language/reader.h"

namespace postern::server {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class Store : public ::testing::Test {
 protected:
  Store()
      : folder_(fs::temp_directory_path() / ("postern-store-test-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    open();
  }
  ~Store() override { fs::remove_all(folder_); }
  void open() {
    store_.reset();
    store_ = *SignatureStore::open(folder_);
  }
  // A set of one rule, taken in; its sha256.
  std::string put(const std::string& rule) {
    language::Reader reader;
    reader.read_text("test.cf", "header " + rule + " exists:X\n");
    const auto compiled = compile::compile(
        *reader.finish(),
        {.compiler = "test", .placement = {.factoring = compile::Factoring::kNever}});
    const fs::path upload = store_->new_upload();
    EXPECT_TRUE(artefact::write(compiled->artefact, upload));
    const auto stored = store_->take(upload, rule + ".psig", "somebody");
    EXPECT_TRUE(stored) << stored.error();
    EXPECT_FALSE(fs::exists(upload));
    names_[stored->sha256()] = rule;
    return stored->sha256();
  }
  void load(const std::string& sha256, std::vector<std::string> gates = {}) {
    EXPECT_TRUE(store_->order({.changes_set = true, .set = sha256, .gates = std::move(gates)}));
  }
  // What a gate is to have: "SET SHADOW".
  std::string of(const std::string& gate) {
    const auto order = store_->order_for(gate);
    return (order.has_set() ? names_[order.set().sha256()] : "-") + " " +
           (order.has_shadow() ? names_[order.shadow().sha256()] : "-");
  }
  size_t sets_on_disk() const {
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(folder_))
      count += entry.path().extension() == ".psig";
    return count;
  }

  const fs::path folder_;
  std::unique_ptr<SignatureStore> store_;
  std::map<std::string, std::string> names_;
};

TEST_F(Store, NobodyIsToldAnythingBeforeThereIsAnOrder) {
  EXPECT_EQ(store_->order_for("edge-1").number(), 0u);
  EXPECT_FALSE(store_->order({.changes_set = true, .set = std::string(64, '0')}));
}

TEST_F(Store, OrdersAreForAllOrForSomeAndSurviveARestart) {
  const std::string one = put("ONE"), two = put("TWO");
  load(one);
  EXPECT_EQ(store_->order_for("edge-1").number(), 1u);
  load(two, {"edge-2"});
  EXPECT_TRUE(store_->order({.changes_shadow = true, .shadow = two, .gates = {"edge-1"}}));
  EXPECT_EQ(of("edge-1"), "ONE TWO");
  EXPECT_EQ(of("edge-2"), "TWO -");
  EXPECT_EQ(of("edge-3"), "ONE -");
  open();
  EXPECT_EQ(store_->order_for("edge-1").number(), 3u);
  EXPECT_EQ(of("edge-1"), "ONE TWO");
  EXPECT_EQ(of("edge-2"), "TWO -");
  // For all: the shadow that one gate has stays its own.
  load(two);
  EXPECT_EQ(of("edge-1"), "TWO TWO");
  EXPECT_EQ(of("edge-2"), "TWO -");
}

TEST_F(Store, RollsBackAndWithdraws) {
  EXPECT_FALSE(store_->rollback());
  const std::string one = put("ONE"), two = put("TWO");
  load(one);
  load(two);
  const auto back = store_->rollback();
  ASSERT_TRUE(back);
  EXPECT_EQ(back->set, one);
  ASSERT_TRUE(store_->order(*back));
  EXPECT_EQ(of("edge-1"), "ONE -");
  load(two);
  EXPECT_EQ(*store_->withdraw(), 5u);
  EXPECT_EQ(of("edge-1"), "ONE -");
}

TEST_F(Store, RollsBackStepByStepToTheConfiguredSet) {
  const std::string one = put("ONE"), two = put("TWO");
  load(one);
  load(two);
  ASSERT_TRUE(store_->order(*store_->rollback()));
  EXPECT_EQ(of("edge-1"), "ONE -");
  ASSERT_TRUE(store_->order(*store_->rollback()));
  EXPECT_EQ(of("edge-1"), "- -");
  EXPECT_FALSE(store_->rollback());
}

TEST_F(Store, KeepsAsManySetsAsItSays) {
  for (int i = 0; i < 12; ++i) load(put("RULE" + std::to_string(i)));
  EXPECT_EQ(of("edge-1"), "RULE11 -");
  // The past, one that a withdrawal could need, and what was given lately.
  EXPECT_LE(sets_on_disk(), SignatureStore::kPast + 1 + SignatureStore::kRecent);
  EXPECT_GE(sets_on_disk(), SignatureStore::kPast);
}

TEST_F(Store, HandsOutPieces) {
  const std::string one = put("ONE");
  channel::v1::SignatureRequest request;
  request.set_sha256(one);
  const auto whole = store_->piece(request);
  EXPECT_EQ(artefact::hex(artefact::sha256(
                {reinterpret_cast<const uint8_t*>(whole.data().data()), whole.data().size()})),
            one);
  request.set_offset(100);
  EXPECT_EQ(store_->piece(request).data(), whole.data().substr(100));
  request.set_offset(whole.data().size());
  EXPECT_THAT(store_->piece(request).gone(), HasSubstr("cannot read"));
  request.set_sha256("../index.json");
  EXPECT_THAT(store_->piece(request).gone(), HasSubstr("dropped"));
}

TEST_F(Store, TakesNothingDamaged) {
  const fs::path upload = store_->new_upload();
  std::ofstream(upload) << "no set";
  EXPECT_THAT(store_->take(upload, "x.psig", "somebody").error(),
              HasSubstr("x.psig: this is not a compiled signature set"));
  EXPECT_EQ(sets_on_disk(), 0u);
  // What an upload left behind is gone after a restart, a damaged index is told.
  open();
  EXPECT_FALSE(fs::exists(upload));
  std::ofstream(folder_ / "index.json") << "{";
  EXPECT_THAT(SignatureStore::open(folder_).error(), HasSubstr("remove it to begin without sets"));
}

}  // namespace
}  // namespace postern::server
