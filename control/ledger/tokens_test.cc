#include "control/ledger/tokens.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "control/ledger/sqlite_ledger.h"

namespace postern::ledger {
namespace {

class TokensTest : public testing::Test {
 protected:
  TokensTest() {
    std::string name = testing::TempDir() + "postern-tokens-XXXXXX";
    directory_ = mkdtemp(name.data());
    ledger_ = std::move(*open_sqlite_ledger(directory_ / "ledger.sqlite"));
  }
  ~TokensTest() override {
    ledger_.reset();
    std::filesystem::remove_all(directory_);
  }
  Tokens& tokens() { return ledger_->tokens(); }

  std::filesystem::path directory_;
  std::unique_ptr<Ledger> ledger_;
};

TEST_F(TokensTest, IsFoundByItsHashWithWhatWasSaidOfIt) {
  const ApiToken monitor{.name = "monitor",
                         .role = Role::kTechnician,
                         .hash = hash_of("postern_x"),
                         .created_unix_s = 1000,
                         .expires_unix_s = 2000};
  EXPECT_TRUE(*tokens().add(monitor, "anna"));
  EXPECT_EQ(**tokens().find(hash_of("postern_x")), monitor);
  EXPECT_FALSE(tokens().find(hash_of("postern_y"))->has_value());
  const auto audit = ledger_->audit().entries("anna", "monitor", 10);
  ASSERT_EQ(audit->size(), 1u);
  EXPECT_EQ(audit->front().action, "token made");
  EXPECT_EQ(audit->front().detail, "technician, until 1970-01-01T00:33:20Z");
}

TEST_F(TokensTest, IsGoodUntilItsTimeIsOverOrItIsRevoked) {
  EXPECT_TRUE(*tokens().add(
      {.name = "a", .hash = hash_of("a"), .created_unix_s = 1000, .expires_unix_s = 2000}, "anna"));
  EXPECT_TRUE((*tokens().find(hash_of("a")))->good_at(1999));
  EXPECT_FALSE((*tokens().find(hash_of("a")))->good_at(2000));
  EXPECT_TRUE(*tokens().revoke("a", "anna", 1500));
  EXPECT_FALSE((*tokens().find(hash_of("a")))->good_at(1501));
  EXPECT_FALSE(*tokens().revoke("a", "anna", 1600));
  EXPECT_FALSE(*tokens().revoke("b", "anna", 1600));
}

TEST_F(TokensTest, NamesAreNotUsedAgain) {
  EXPECT_TRUE(*tokens().add({.name = "a", .hash = hash_of("a")}, "anna"));
  EXPECT_TRUE(*tokens().revoke("a", "anna", 10));
  EXPECT_FALSE(*tokens().add({.name = "a", .hash = hash_of("b")}, "anna"));
  EXPECT_EQ(tokens().all()->size(), 1u);
}

TEST_F(TokensTest, RemembersItsLastUse) {
  EXPECT_TRUE(*tokens().add({.name = "a", .hash = hash_of("a")}, "anna"));
  EXPECT_TRUE(tokens().note_use(hash_of("a"), 1234).has_value());
  EXPECT_EQ((*tokens().find(hash_of("a")))->used_unix_s, 1234u);
}

// FIPS 180-4's example of one block.
TEST(Token, IsKeptAsItsSha256) {
  const TokenHash hash = hash_of("abc");
  EXPECT_EQ(hash[0], 0xba);
  EXPECT_EQ(hash[1], 0x78);
  EXPECT_EQ(hash[31], 0xad);
}

TEST(Token, Has256RandomBits) {
  const std::string one = new_token(), other = new_token();
  EXPECT_EQ(one.size(), 8u + 43u);
  EXPECT_TRUE(one.starts_with("postern_"));
  EXPECT_NE(one, other);
}

}  // namespace
}  // namespace postern::ledger
