#include "control/cli/signatures/compilation.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "control/cli/signatures/testing_commands.h"

namespace postern::cli {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Two expressions; the second one has no factors, and is Hyperscan's.
constexpr std::string_view kRules =
    "body PILLS /cheap pills/\nbody LETTERS /[a-z]{3} [0-9]{2}/\nmeta BOTH PILLS && LETTERS\n";

class CompilationTest : public SignaturesTest {
 protected:
  CompilationTest() : rules_(file("rules.cf", kRules)), set_(path("out.psig")) {}
  Outcome compile(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"compile", rules_, "-o", set_};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  json told(std::vector<std::string> more = {}) {
    more.push_back("--json");
    return json::parse(compile(more).out);
  }
  void write_messages() {
    for (int i = 0; i < 60; ++i) {
      const std::string number = std::to_string(i);
      file("mail/" + number, "Subject: number " + number + "\n\nGranite worktops, number " +
                                 number + ", are cut to size in our own workshop.\n");
    }
  }
  static std::string octets(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string rules_, set_;
};

TEST_F(CompilationTest, WhatWasFoundOutComesFromTheCache) {
  const Outcome first = compile();
  EXPECT_EQ(first.code, 0);
  EXPECT_THAT(first.err, IsEmpty());
  EXPECT_THAT(first.out, Not(HasSubstr("from the cache")));
  const std::string before = octets(set_);
  EXPECT_THAT(compile().out, HasSubstr("from the cache: 2 of 2 expressions"));
  EXPECT_EQ(octets(set_), before);
  const Outcome anew = compile({"--no-cache"});
  EXPECT_EQ(anew.code, 0);
  EXPECT_THAT(anew.out, Not(HasSubstr("from the cache")));
}

TEST_F(CompilationTest, TestingRulesUsesTheSameCache) {
  file("ham/1", "Subject: hello\n\nHow are you?\n");
  ASSERT_EQ(run({"test", rules_, "--ham", path("ham")}).code, 0);
  EXPECT_EQ(told()["cached_expressions"], 2);
  ASSERT_EQ(run({"test", rules_, "--ham", path("ham"), "--no-cache"}).code, 0);
}

TEST_F(CompilationTest, WithoutACacheNoFolderIsMade) {
  EXPECT_EQ(compile({"--no-cache"}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(path("cache")));
  EXPECT_EQ(compile({"--no-cache", "--cache", path("cache")}).code, 2);  // one or the other
}

TEST_F(CompilationTest, ACacheThatCannotBeUsedIsAWarning) {
  const auto expect_warning = [&](const std::string& folder, std::string_view why) {
    std::filesystem::remove(set_);
    const Outcome outcome = compile({"--cache", folder});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_TRUE(std::filesystem::exists(set_));
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("postern: warning: "), HasSubstr(folder),
                                   HasSubstr(std::string(why))));
  };
  expect_warning(file("notes", "no folder"), "it is no folder");
  expect_warning(path("notes/below"), "it cannot be made: Not a directory");
  std::filesystem::create_directory(path("open"));
  ASSERT_EQ(chmod(path("open").c_str(), 0777), 0);
  expect_warning(path("open"), "others may write to it");
  EXPECT_TRUE(std::filesystem::is_empty(path("open")));
  // Root's own, or not ours: no files can be made there either way.
  expect_warning("/proc", "cache");
  // Needless warnings are not read.
  EXPECT_THAT(compile({"--cache", path("deep/down/cache")}).err, IsEmpty());
  EXPECT_FALSE(std::filesystem::is_empty(path("deep/down/cache")));
}

TEST_F(CompilationTest, TheDefaultFolderIsTheUsersOwn) {
  EXPECT_EQ(default_cache(true, "/x", "/root"), "/var/cache/postern");
  EXPECT_EQ(default_cache(false, "/x", "/home/bob"), "/x/postern");
  EXPECT_EQ(default_cache(false, nullptr, "/home/bob"), "/home/bob/.cache/postern");
  // The XDG base directory specification: what is not absolute is passed over.
  EXPECT_EQ(default_cache(false, "x", "/home/bob"), "/home/bob/.cache/postern");
  EXPECT_EQ(default_cache(false, nullptr, nullptr), "");
  EXPECT_EQ(default_cache(false, "", ""), "");
}

// What is found out depends on the text that it is measured on, and is known again by it.
TEST_F(CompilationTest, CostsAreThoseInTheSample) {
  write_messages();
  ASSERT_EQ(compile().code, 0);
  EXPECT_EQ(told()["sample"], json());
  const json with_sample = told({"--sample", path("mail")});
  EXPECT_EQ(with_sample["cached_expressions"], 0);
  EXPECT_EQ(with_sample["sample"]["messages"], 60);
  EXPECT_EQ(with_sample["sample"]["folders"], json({path("mail")}));
  // Subjects and paragraphs, each with a line end; of them ten have numbers of one digit.
  EXPECT_EQ(with_sample["sample"]["bytes"]["body"],
            60 * (std::string_view("number 10\n").size() +
                  std::string_view("Granite worktops, number 10, are cut to size in our own "
                                   "workshop.\n")
                      .size()) -
                20);
  const Outcome again = compile({"--sample", path("mail")});
  EXPECT_THAT(again.out, AllOf(HasSubstr("from the cache: 2 of 2 expressions"),
                               HasSubstr("costs are those in 60 messages of " + path("mail"))));
  file("mail/60", "Subject: one more\n\nAnd another text.\n");
  EXPECT_EQ(told({"--sample", path("mail")})["cached_expressions"], 0);
}

TEST_F(CompilationTest, ASampleWithoutMessagesIsAnError) {
  std::filesystem::create_directory(path("empty"));
  const Outcome outcome = compile({"--sample", path("empty")});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("no message was found in " + path("empty")), HasSubstr("--sample")));
  EXPECT_FALSE(std::filesystem::exists(set_));
  const Outcome absent = compile({"--sample", path("absent")});
  EXPECT_EQ(absent.code, 2);
  EXPECT_THAT(absent.err, HasSubstr("absent: No such file"));
}

}  // namespace
}  // namespace postern::cli
