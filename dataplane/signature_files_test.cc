#include "dataplane/signature_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace postern {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::span<const uint8_t> octets(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class Files : public ::testing::Test {
 protected:
  Files()
      : folder_(fs::temp_directory_path() / ("postern-files-test-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
  }
  ~Files() override { fs::remove_all(folder_); }
  SignatureFiles open() { return *SignatureFiles::open(folder_); }

  const fs::path folder_;
  // sha256sum of "abcdef" and of "xyz".
  const SignatureFile first_{"bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721", 6,
                             "first set.psig"};
  const SignatureFile second_{"3608bca1e44ea6c4d268eb6db02260269892c0b42b86bbf1e77a6fa16c3c9282", 3,
                              "second.psig"};
};

TEST_F(Files, ASetIsHeldOnceItIsWhole) {
  SignatureFiles files = open();
  EXPECT_FALSE(files.holds(first_));
  ASSERT_TRUE(files.begin(first_));
  EXPECT_EQ(files.add(0, octets("abcd")), false);
  EXPECT_EQ(files.arrived(), 4u);
  EXPECT_FALSE(files.holds(first_));
  EXPECT_EQ(files.add(4, octets("ef")), true);
  EXPECT_TRUE(files.holds(first_));
  EXPECT_EQ(files.arriving(), nullptr);
  std::ifstream in(files.path_of(first_));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "abcdef");
  EXPECT_TRUE(open().holds(first_));
}

TEST_F(Files, WhatArrivesChangedOrOutOfOrderIsNotKept) {
  SignatureFiles files = open();
  struct Case {
    uint64_t offset;
    std::string_view data;
    std::string_view why;
  };
  for (const Case& c : {Case{0, "abcdeF", "its digest is another"},
                        {0, "abcdefg", "out of order"},
                        {1, "bcdef", "out of order"},
                        {0, "", "out of order"}}) {
    ASSERT_TRUE(files.begin(first_));
    const auto added = files.add(c.offset, octets(c.data));
    ASSERT_FALSE(added) << c.data;
    EXPECT_THAT(added.error(), HasSubstr(c.why));
    EXPECT_FALSE(files.holds(first_));
    EXPECT_EQ(files.arriving(), nullptr);
    EXPECT_TRUE(fs::is_empty(folder_));
  }
  EXPECT_FALSE(files.add(0, octets("abcdef")));  // of nothing that was begun
  EXPECT_FALSE(files.begin({"../../etc/passwd", 6, "evil"}));
  EXPECT_FALSE(files.begin({first_.sha256, uint64_t{1} << 40, "huge"}));
}

TEST_F(Files, WhatALifeDidNotFinishIsGoneInTheNext) {
  {
    SignatureFiles files = open();
    ASSERT_TRUE(files.begin(first_));
    ASSERT_EQ(files.add(0, octets("abc")), false);
  }
  EXPECT_FALSE(fs::is_empty(folder_));
  EXPECT_FALSE(open().holds(first_));
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(Files, TheOrderIsKeptAndTheRestRemoved) {
  EXPECT_EQ(open().order(), std::nullopt);
  SignatureFiles files = open();
  for (const auto& [file, text] : {std::pair{first_, "abcdef"}, {second_, "xyz"}}) {
    ASSERT_TRUE(files.begin(file));
    ASSERT_EQ(files.add(0, octets(text)), true);
  }
  const WantedSignatures both{first_, second_};
  ASSERT_TRUE(files.keep_order(both));
  EXPECT_EQ(open().order(), both);
  files.remove_all_but(both);
  EXPECT_TRUE(files.holds(first_) && files.holds(second_));
  const WantedSignatures shadow_only{std::nullopt, second_};
  ASSERT_TRUE(files.keep_order(shadow_only));
  files.remove_all_but(shadow_only);
  EXPECT_EQ(open().order(), shadow_only);
  EXPECT_FALSE(files.holds(first_));
  EXPECT_TRUE(files.holds(second_));
  std::ofstream(folder_ / "order") << "set nonsense\n";
  EXPECT_EQ(open().order(), std::nullopt);
}

}  // namespace
}  // namespace postern
