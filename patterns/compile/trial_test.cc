#include "patterns/compile/trial.h"

#include <gtest/gtest.h>
#include <hs/hs.h>

#include <new>

#include "patterns/compile/compiler.h"
#include "patterns/language/reader.h"

namespace postern::compile {
namespace {

// Ways in which Hyperscan meets a machine without memory, for this process and its children.
void* no_memory(size_t) { return nullptr; }
void* throw_no_memory(size_t) { throw std::bad_alloc(); }
void* die(size_t) { abort(); }

class TrialTest : public testing::Test {
 protected:
  ~TrialTest() override { hs_set_allocator(nullptr, nullptr); }

  TrialResult try_one(std::string pattern) const {
    HyperscanForm form;
    form.pattern = std::move(pattern);
    const Trial trial{&form, &sample_};
    return try_hyperscan({&trial, 1}, 5, 1).at(0);
  }
  const SampleText sample_ = sample_text({"some text\n", "and some more\n"}, true);
};

TEST_F(TrialTest, WhatHyperscanSaysIsFinal) {
  const TrialResult compiles = try_one("some [a-z]+");
  EXPECT_TRUE(compiles.cost);
  EXPECT_TRUE(compiles.is_final);
  const TrialResult refused = try_one("(a)\\1");  // back-references are not supported
  EXPECT_FALSE(refused.cost);
  EXPECT_TRUE(refused.is_final);
}

TEST_F(TrialTest, WantOfMemoryIsNoVerdict) {
  const auto expect_no_verdict = [this] {
    const TrialResult result = try_one("some [a-z]+");
    EXPECT_FALSE(result.cost);
    EXPECT_FALSE(result.is_final);
  };
  hs_set_database_allocator(no_memory, nullptr);
  expect_no_verdict();
  hs_set_database_allocator(throw_no_memory, nullptr);
  expect_no_verdict();
  hs_set_database_allocator(die, nullptr);
  expect_no_verdict();
  hs_set_database_allocator(nullptr, nullptr);
  hs_set_scratch_allocator(no_memory, nullptr);
  expect_no_verdict();
  hs_set_scratch_allocator(nullptr, nullptr);
  EXPECT_TRUE(try_one("some [a-z]+").cost);
}

// A compilation while there is no memory says so, and leaves nothing behind that a later one would
// believe.
TEST_F(TrialTest, WhatFailedForWantOfMemoryIsTriedAgain) {
  std::string name = testing::TempDir() + "trialXXXXXX";
  const std::filesystem::path folder = mkdtemp(name.data());
  const Cache cache(folder);
  language::Reader reader;
  // No rare text must be in what it matches: nothing that is measured decides between the engines.
  reader.read_text("test.cf", "body A /[a-z]{3}.[^0-9]/\n");
  const auto rules = reader.finish();
  CompileOptions options;
  options.placement.cache = &cache;
  // Of the trial alone: what is left to PCRE2 needs no database.
  hs_set_scratch_allocator(no_memory, nullptr);
  const auto poor = compile(*rules, options);
  ASSERT_TRUE(poor) << poor.error();
  EXPECT_EQ(poor->report.pcre2_alone, 1u);
  EXPECT_EQ(poor->report.trials_failed, 1u);
  hs_set_scratch_allocator(nullptr, nullptr);
  const auto rich = compile(*rules, options);
  ASSERT_TRUE(rich) << rich.error();
  EXPECT_EQ(rich->report.trials_failed, 0u);
  EXPECT_TRUE(rich->report.expressions.at(0).other_ns ||
              rich->report.expressions.at(0).kind != artefact::ExpressionClass::kPcre2)
      << rich->report.expressions.at(0).why;
  std::filesystem::remove_all(folder);
}

TEST_F(TrialTest, ADatabaseThatMemoryIsWantingForIsAnError) {
  language::Reader reader;
  reader.read_text("test.cf", "body A /[a-z]{3} [0-9]{2}/\n");
  const auto rules = reader.finish();
  hs_set_database_allocator(throw_no_memory, nullptr);
  const auto compiled = compile(*rules, {.placement = {.factoring = Factoring::kNever}});
  ASSERT_FALSE(compiled) << "everything was left to PCRE2";
  EXPECT_NE(compiled.error().find("memory"), std::string::npos) << compiled.error();
}

}  // namespace
}  // namespace postern::compile
