#include "patterns/compile/cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

#include "patterns/compile/compiler.h"
#include "patterns/language/reader.h"

namespace postern::compile {
namespace {

namespace fs = std::filesystem;

class CacheTest : public ::testing::Test {
 protected:
  CacheTest() {
    std::string name = ::testing::TempDir() + "cacheXXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~CacheTest() override { fs::remove_all(folder_); }

  std::vector<fs::path> entries() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(folder_)) out.push_back(entry.path());
    return out;
  }

  static Compiled compile_text(std::string_view text, const Cache* cache,
                               size_t most_kept = PlacementOptions{}.most_kept) {
    language::Reader reader;
    reader.read_text("test.cf", text);
    CompileOptions options;
    options.placement.cache = cache;
    options.placement.most_kept = most_kept;
    return *compile(*reader.finish(), options);
  }

  fs::path folder_;
};

// Factored, by Hyperscan, by PCRE2, confirmed, of two groups.
constexpr std::string_view kRules =
    "body A /cheap viagra pills/i\nbody B /[a-z]{3} [0-9]{2}/\nbody C /x*/\nbody D /(a|b)\\1/\n"
    "header E Subject =~ /[0-9]/\n";

TEST_F(CacheTest, finds_what_was_stored_and_nothing_else) {
  const Cache cache(folder_);
  cache.store("kind", "key", "value");
  EXPECT_EQ(cache.find("kind", "key"), "value");
  EXPECT_EQ(Cache(folder_).find("kind", "key"), "value");
  EXPECT_FALSE(cache.find("kind", "other"));
  EXPECT_FALSE(cache.find("other", "key"));
  EXPECT_EQ(entries().size(), 1);
}

TEST_F(CacheTest, a_damaged_or_foreign_entry_is_a_miss) {
  const Cache cache(folder_);
  cache.store("kind", "key", "value");
  const fs::path path = entries().at(0);
  std::ifstream file(path, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), {}};
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string flipped = whole;
    flipped[i] ^= 1;
    std::ofstream(path, std::ios::binary) << flipped;
    EXPECT_FALSE(cache.find("kind", "key")) << i;
    std::ofstream(path, std::ios::binary) << whole.substr(0, i);
    EXPECT_FALSE(cache.find("kind", "key")) << i;
  }
  // Another key's entry, by its name.
  cache.store("kind", "other", "value of another");
  for (const auto& entry : entries()) {
    if (entry != path) fs::rename(entry, path);
  }
  EXPECT_FALSE(cache.find("kind", "key"));
}

TEST_F(CacheTest, a_folder_open_to_others_is_not_used) {
  ASSERT_EQ(chmod(folder_.c_str(), 0777), 0);
  const Cache cache(folder_);
  EXPECT_FALSE(cache.is_usable());
  EXPECT_NE(cache.obstacle().find("others may write"), std::string::npos);
  cache.store("kind", "key", "value");
  EXPECT_FALSE(cache.find("kind", "key"));
  EXPECT_TRUE(entries().empty());
}

TEST_F(CacheTest, what_was_not_used_longest_is_removed_and_no_other_file) {
  const Cache cache(folder_);
  for (const char* key : {"a", "b", "c"}) cache.store("kind", key, std::string(100'000, 'x'));
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (const auto& entry : entries()) fs::last_write_time(entry, old);
  std::ofstream(folder_ / "notes") << std::string(5000, 'n');
  fs::last_write_time(folder_ / "notes", old - std::chrono::hours(1));
  // Left by a compiler that was killed, and another one's that is at work.
  const std::string name = folder_ / (std::string(64, '0') + ".entry.");
  for (const char* end : {"killed", "atwork"}) std::ofstream(name + end) << "half";
  fs::last_write_time(name + "killed", old - std::chrono::hours(1));
  EXPECT_TRUE(cache.find("kind", "b"));  // used now
  cache.trim(150'000);
  EXPECT_TRUE(cache.find("kind", "b"));
  EXPECT_FALSE(cache.find("kind", "a"));
  EXPECT_FALSE(cache.find("kind", "c"));
  EXPECT_TRUE(fs::exists(folder_ / "notes"));
  EXPECT_FALSE(fs::exists(name + "killed"));
  EXPECT_TRUE(fs::exists(name + "atwork"));
}

// Runs `work` in a process of its own; its exit code is 0 when that says true.
template <typename Work>
pid_t in_child(Work&& work) {
  const pid_t child = fork();
  if (child == 0) _exit(work() ? 0 : 1);
  return child;
}

bool ended_well(pid_t child) {
  int status = -1;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Costs are measured, so two compilers file different values under one key.
TEST_F(CacheTest, an_entry_is_complete_at_any_time_whoever_else_writes_it) {
  const Cache cache(folder_);
  const std::string one(200'000, '1'), other(100'000, '2');
  cache.store("kind", "key", one);
  const auto store_often = [this](const std::string& value) {
    const Cache own(folder_);
    for (int i = 0; i < 200; ++i) own.store("kind", "key", value);
    return own.store_error() == 0;
  };
  const pid_t first = in_child([&] { return store_often(one); });
  const pid_t second = in_child([&] { return store_often(other); });
  const pid_t reader = in_child([&] {
    const Cache own(folder_);
    for (int i = 0; i < 500; ++i) {
      const auto found = own.find("kind", "key");
      if (found != one && found != other) return false;
    }
    return true;
  });
  EXPECT_TRUE(ended_well(first));
  EXPECT_TRUE(ended_well(second));
  EXPECT_TRUE(ended_well(reader)) << "a miss, or a mixture of both";
  EXPECT_EQ(entries().size(), 1);  // nothing half written is left
}

TEST_F(CacheTest, two_compilers_at_once_share_it) {
  const auto compiles = [this](uint64_t most_bytes) {
    const Cache own(folder_);
    const Compiled compiled = compile_text(kRules, &own);
    own.trim(most_bytes);
    return own.store_error() == 0 && compiled.report.expressions.size() == 5;
  };
  const pid_t first = in_child([&] { return compiles(Cache::kMostBytes); });
  const pid_t second = in_child([&] { return compiles(Cache::kMostBytes); });
  EXPECT_TRUE(ended_well(first));
  EXPECT_TRUE(ended_well(second));
  const Cache cache(folder_);
  // Both have measured, and what is kept is some of the one's costs and some of the other's: a
  // third may group by them in a third way. All then agree.
  const Compiled third = compile_text(kRules, &cache);
  EXPECT_EQ(third.report.cached, third.report.expressions.size());
  const Compiled fourth = compile_text(kRules, &cache);
  EXPECT_EQ(fourth.report.cached_databases, fourth.artefact.databases.size());
  EXPECT_EQ(artefact::serialise(third.artefact), artefact::serialise(fourth.artefact));
  // One that removes all it can meanwhile costs the other work and nothing else.
  const pid_t remover = in_child([&] { return compiles(0); });
  EXPECT_TRUE(compiles(0));
  EXPECT_TRUE(ended_well(remover));
}

TEST_F(CacheTest, what_cannot_be_written_is_told) {
  const Cache cache(folder_);
  EXPECT_EQ(cache.store_error(), 0);
  fs::remove_all(folder_);
  cache.store("kind", "key", "value");
  EXPECT_EQ(cache.store_error(), ENOENT);
  EXPECT_FALSE(cache.find("kind", "key"));
}

TEST_F(CacheTest, the_same_rules_give_the_same_octets) {
  const Cache cache(folder_);
  const Compiled first = compile_text(kRules, &cache);
  const Compiled second = compile_text(kRules, &cache);
  EXPECT_EQ(first.report.cached, 0);
  EXPECT_EQ(second.report.cached, second.report.expressions.size());
  EXPECT_EQ(second.report.cached_databases, second.artefact.databases.size());
  EXPECT_EQ(artefact::serialise(first.artefact), artefact::serialise(second.artefact));
}

TEST_F(CacheTest, one_rule_changed_and_all_others_are_known) {
  const Cache cache(folder_);
  compile_text(kRules, &cache);
  std::string changed(kRules);
  changed.replace(changed.find("viagra"), 6, "cialis");
  const Compiled second = compile_text(changed, &cache);
  EXPECT_EQ(second.report.cached, second.report.expressions.size() - 1);
}

TEST_F(CacheTest, of_very_many_expressions_only_what_they_cost_together_is_kept) {
  const Cache cache(folder_);
  compile_text(kRules, &cache, 4);
  const size_t few = entries().size();
  const Compiled second = compile_text(kRules, &cache, 4);
  EXPECT_EQ(second.report.cached, 0);
  EXPECT_EQ(second.report.cached_databases, second.artefact.databases.size());
  compile_text(kRules, &cache, 5);
  EXPECT_EQ(entries().size(), few + 5);
}

TEST_F(CacheTest, a_flipped_octet_is_found_out_anew) {
  const Cache cache(folder_);
  const Compiled first = compile_text(kRules, &cache);
  // Databases do not depend on measurements: they are the same when compiled again.
  const auto& octets = first.artefact.databases.at(0).bytes;
  const std::string database(octets.data(), octets.size());
  size_t damaged = 0;
  for (const auto& entry : entries()) {
    std::ifstream file(entry, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), {}};
    if (bytes.find(database) == std::string::npos) continue;
    bytes[bytes.size() - 10] ^= 0x40;
    std::ofstream(entry, std::ios::binary) << bytes;
    ++damaged;
  }
  ASSERT_EQ(damaged, 1);
  const Compiled second = compile_text(kRules, &cache);
  EXPECT_EQ(second.report.cached_databases, second.artefact.databases.size() - 1);
  EXPECT_EQ(artefact::serialise(first.artefact), artefact::serialise(second.artefact));
}

}  // namespace
}  // namespace postern::compile
